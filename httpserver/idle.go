package httpserver

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// idle knows the connections without a request, and closes the longest idle one when there are many: else clients that
// keep connections open would keep all others out.
type idle struct {
	most int // connections, idle or not; above it an idle one is closed

	mu     sync.Mutex
	open   int
	order  *list.List // of net.Conn, the longest idle one first
	places map[net.Conn]*list.Element
}

func newIdle(most int) *idle {
	return &idle{most: most, order: list.New(), places: make(map[net.Conn]*list.Element)}
}

// changed is a hook of http.Server.
func (i *idle) changed(c net.Conn, state http.ConnState) {
	if longest := i.count(c, state); longest != nil {
		_ = longest.Close() // its own goroutine reports StateClosed
	}
}

// count notes a change, and gives the connection to close for room; nil when there is no need, or none is idle.
func (i *idle) count(c net.Conn, state http.ConnState) net.Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	if place, was := i.places[c]; was {
		i.order.Remove(place)
		delete(i.places, c)
	}
	switch state {
	case http.StateNew: // its request may be on its way; without one the server closes it soon
		i.open++
	case http.StateIdle:
		i.places[c] = i.order.PushBack(c)
	case http.StateClosed, http.StateHijacked:
		i.open--
	case http.StateActive:
	}
	longest := i.order.Front()
	if i.open <= i.most || longest == nil || longest.Value == c {
		return nil
	}
	i.order.Remove(longest)
	gone := longest.Value.(net.Conn)
	delete(i.places, gone)
	return gone
}
