package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// PutThrough makes an attended transfer of a softphone's two calls, as the transfer key does: a REFER on the first with
// the Replaces of the second (RFC 3891). It returns when both calls of the phone are over.
func (r *Rig) PutThrough(ctx context.Context, p *Softphone) error {
	calls, err := r.channelsOf(ctx, p.Name)
	if err != nil {
		return err
	}
	if len(calls) != 2 {
		return fmt.Errorf("%s has %d calls, not two", p.Name, len(calls))
	}
	var dialog [3]string
	for i, part := range []string{"call-id", "local_tag", "remote_tag"} {
		var answer struct{ Value string }
		path := "/" + calls[1].ID + "/variable?variable=" + url.QueryEscape("CHANNEL(pjsip,"+part+")")
		if err := r.askARI(ctx, path, &answer); err != nil {
			return err
		}
		dialog[i] = answer.Value
	}
	replaces := url.QueryEscape(dialog[0] + ";to-tag=" + dialog[1] + ";from-tag=" + dialog[2])
	err = errors.Join(p.command("line", "1"), p.command("transfer", "sip:140570@"+r.Asterisk.SIP+"?Replaces="+replaces))
	if err != nil {
		return err
	}
	return poll(ctx, p.Name+" has no call any more", func(ctx context.Context) error {
		left, err := r.channelsOf(ctx, p.Name)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("it has %d", len(left))
		}
		return err
	})
}

// PutThroughTo makes a blind transfer of a softphone's call to another extension.
func (p *Softphone) PutThroughTo(extension string) error { return p.command("transfer", extension) }

// channel is the part of an Asterisk channel that tests read.
type channel struct {
	ID, Name string
	Created  time.Time
}

// channelsOf are a phone's channels in Asterisk, the oldest first.
func (r *Rig) channelsOf(ctx context.Context, phone string) ([]channel, error) {
	var told []struct{ ID, Name, CreationTime string }
	if err := r.askARI(ctx, "", &told); err != nil {
		return nil, err
	}
	var list []channel
	for _, c := range told {
		created, err := time.Parse("2006-01-02T15:04:05.999-0700", c.CreationTime)
		if err != nil {
			return nil, fmt.Errorf("the channels of %s: %w", phone, err)
		}
		if strings.HasPrefix(c.Name, "PJSIP/"+phone+"-") {
			list = append(list, channel{c.ID, c.Name, created})
		}
	}
	slices.SortFunc(list, func(a, b channel) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// askARI reads a resource of channels from Asterisk.
func (r *Rig) askARI(ctx context.Context, path string, answer any) error {
	status, body, err := get(ctx, "http://bereikbaar:"+r.Asterisk.Password+"@"+r.Asterisk.HTTP+"/ari/channels"+path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("Asterisk answers %d to %s: %s", status, path, body)
	}
	if err := json.Unmarshal([]byte(body), answer); err != nil {
		return fmt.Errorf("Asterisk's answer to %s: %w", path, err)
	}
	return nil
}
