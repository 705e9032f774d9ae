package httpserver

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// idle knows the connections on which nothing is asked, and closes those that are so longest when there are many: else
// whoever keeps some of theirs open keeps everybody else out.
type idle struct {
	most int // connections, idle or not, above which an idle one is closed

	mu     sync.Mutex
	open   int
	order  *list.List // of net.Conn, the one that is idle longest first
	places map[net.Conn]*list.Element
}

func newIdle(most int) *idle {
	return &idle{most: most, order: list.New(), places: make(map[net.Conn]*list.Element)}
}

// changed is a hook of http.Server.
func (i *idle) changed(c net.Conn, state http.ConnState) {
	if longest := i.count(c, state); longest != nil {
		_ = longest.Close() // its own goroutine says that it is closed
	}
}

// count takes down a change, and gives the connection that makes room; nil when none must or can.
func (i *idle) count(c net.Conn, state http.ConnState) net.Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	if place, was := i.places[c]; was {
		i.order.Remove(place)
		delete(i.places, c)
	}
	switch state {
	case http.StateNew: // it may have asked already, and is given up soon when it does not
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
