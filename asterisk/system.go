package asterisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/CyCoreSystems/ari/v5"
	"github.com/tidwall/gjson"
)

// AsteriskInfo gives Asterisk's version, its start and its last reload.
func (c *Conn) AsteriskInfo(ctx context.Context) (ari.AsteriskInfo, error) {
	var info ari.AsteriskInfo
	r, err := c.do(ctx, command{"get info", http.MethodGet, pathOf("asterisk", "info"), nil, nil})
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal([]byte(r.Body), &info); err != nil {
		return info, fmt.Errorf("asterisk: get info: read the answer: %w", err)
	}
	return info, nil
}

// ApplicationChannels lists the ids of the channels that are in our application, or that it is subscribed to.
func (c *Conn) ApplicationChannels(ctx context.Context) ([]string, error) {
	body, err := c.fetch(ctx, "get application", pathOf("applications", c.opt.Application))
	if err != nil {
		return nil, err
	}
	return stringsIn(gjson.Get(body, "channel_ids")), nil
}

// Endpoints lists every phone and trunk that is configured in Asterisk.
func (c *Conn) Endpoints(ctx context.Context) ([]Endpoint, error) {
	return list(ctx, c, "list endpoints", pathOf("endpoints"), endpointIn)
}

// Endpoint gives one phone or trunk, by its Endpoint.Name. IsGone when Asterisk has none of that name.
func (c *Conn) Endpoint(ctx context.Context, name string) (Endpoint, error) {
	technology, resource, _ := strings.Cut(name, "/")
	if err := errors.Join(checkID("technology", technology), checkID("endpoint", resource)); err != nil {
		return Endpoint{}, fmt.Errorf("asterisk: find endpoint: %w", err)
	}
	r, err := c.do(ctx, command{"find endpoint", http.MethodGet, pathOf("endpoints", technology, resource), nil, nil})
	if err != nil {
		return Endpoint{}, err
	}
	if !json.Valid([]byte(r.Body)) {
		return Endpoint{}, errUnreadable("find endpoint")
	}
	return endpointIn(gjson.Parse(r.Body)), nil
}

// Subscribe asks for the events of phones, each named as in "endpoint:PJSIP/kcc1". Subscribing twice does not double
// events. A subscription outlives the link, but not Asterisk.
//
// Asterisk refuses the whole list when one phone in it is not configured. Then each is tried on its own, and the error
// (IsGone) names the ones that Asterisk does not know; the others are subscribed.
func (c *Conn) Subscribe(ctx context.Context, sources []string) error {
	err := c.subscribe(ctx, sources)
	if len(sources) < 2 || !isUnprocessable(err) {
		return err
	}
	var unknown []error
	for _, source := range sources {
		switch err := c.subscribe(ctx, []string{source}); {
		case isUnprocessable(err):
			unknown = append(unknown, fmt.Errorf("%s: %w", source, err))
		case err != nil:
			return err
		}
	}
	return errors.Join(unknown...)
}

// subscribe subscribes to the whole list or to nothing.
func (c *Conn) subscribe(ctx context.Context, sources []string) error {
	if len(sources) == 0 {
		return nil
	}
	for _, source := range sources {
		if err := checkID("event source", source); err != nil {
			return fmt.Errorf("asterisk: subscribe: %w", err)
		}
		if strings.Contains(source, ",") {
			return errors.New("asterisk: subscribe: event source has a comma")
		}
	}
	_, err := c.do(ctx, command{
		"subscribe", http.MethodPost, pathOf("applications", c.target.watch, "subscription"),
		url.Values{"eventSource": {strings.Join(sources, ",")}},
		nil,
	})
	return err
}

func isUnprocessable(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusUnprocessableEntity
}
