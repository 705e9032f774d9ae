package asterisk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// CreateBridge makes a bridge with an id of ours. kind is "mixing" for a conversation or "holding". IsConflict when the
// id is taken.
func (c *Conn) CreateBridge(ctx context.Context, id, kind, name string) error {
	if err := errors.Join(checkID("bridge", id), checkID("type", kind), checkText("name", name)); err != nil {
		return fmt.Errorf("asterisk: create bridge: %w", err)
	}
	body := struct {
		Type string `json:"type"`
		Name string `json:"name,omitempty"`
	}{kind, name}
	return c.onBridge(ctx, "create bridge", http.MethodPost, id, body)
}

// AddToBridge puts channels into a bridge, all of them or none. IsGone when one has ended; IsConflict (or 422) when one
// is not in our application.
func (c *Conn) AddToBridge(ctx context.Context, id string, channels ...string) error {
	if err := checkMembers(channels); err != nil {
		return fmt.Errorf("asterisk: add to bridge: %w", err)
	}
	return c.onBridge(ctx, "add to bridge", http.MethodPost, id, newcomers{channels, true}, "addChannel")
}

// DestroyBridge ends a bridge; its channels stay in our application.
func (c *Conn) DestroyBridge(ctx context.Context, id string) error {
	return c.onBridge(ctx, "destroy bridge", http.MethodDelete, id, nil)
}

// Bridges lists every bridge that Asterisk has, ours or not.
func (c *Conn) Bridges(ctx context.Context) ([]Bridge, error) {
	return list(ctx, c, "list bridges", pathOf("bridges"), bridgeIn)
}

// newcomers enter a bridge without telling each other's phone who they are: the caller must not see an employee's
// number, and the employee's phone has shown the caller's since it rang.
type newcomers struct {
	Channel                     []string `json:"channel"`
	InhibitConnectedLineUpdates bool     `json:"inhibitConnectedLineUpdates"`
}

func checkMembers(channels []string) error {
	if len(channels) == 0 {
		return errors.New("no channel is given")
	}
	var problems []error
	for _, channel := range channels {
		problems = append(problems, checkID("channel", channel))
	}
	return errors.Join(problems...)
}

func (c *Conn) onBridge(ctx context.Context, name, method, id string, body any, rest ...string) error {
	if err := checkID("bridge", id); err != nil {
		return fmt.Errorf("asterisk: %s: %w", name, err)
	}
	_, err := c.do(ctx, command{name, method, pathOf(append([]string{"bridges", id}, rest...)...), nil, body})
	return err
}
