package rig

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// PressINFO sends a key as a SIP INFO of 80 ms (application/dtmf-relay), and returns when Asterisk has taken it.
func (c *Caller) PressINFO(ctx context.Context, key rune) error {
	body := fmt.Sprintf("Signal=%c\r\nDuration=80\r\n", key)
	return c.accepted(ctx, "INFO", []string{"Content-Type: application/dtmf-relay"}, body)
}

// PressPlainINFO sends a key as a SIP INFO with the key alone (application/dtmf).
func (c *Caller) PressPlainINFO(ctx context.Context, key rune) error {
	return c.accepted(ctx, "INFO", []string{"Content-Type: application/dtmf"}, string(key))
}

// accepted is Request, with an error for any status but 200.
func (c *Caller) accepted(ctx context.Context, method string, header []string, body string) error {
	status, err := c.Request(ctx, method, header, body)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("Asterisk answers %d to %s", status, method)
	}
	return err
}

// Request sends a request in the call, beside SIPp's own, and gives the final status. It cannot send an INVITE: the ACK
// would be missing.
func (c *Caller) Request(ctx context.Context, method string, header []string, body string) (status int, err error) {
	local, remote, err := c.tags(ctx)
	if err != nil {
		return 0, err
	}
	conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(c.host)}}).DialContext(
		ctx, "udp", c.rig.Asterisk.SIP,
	)
	if err != nil {
		return 0, fmt.Errorf("a request in a call: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	message := strings.Join(append([]string{
		method + " sip:" + c.rig.Asterisk.SIP + " SIP/2.0",
		"Via: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bKrig" + strconv.FormatInt(
			time.Now().UnixNano(), 36,
		),
		"Max-Forwards: 70",
		"From: <sip:rig@" + c.host + ">;tag=" + remote, "To: <sip:rig@" + c.host + ">;tag=" + local,
		"Call-ID: " + c.callID, fmt.Sprintf("CSeq: %d %s", c.cseq.Add(1), method),
		fmt.Sprintf("Contact: <sip:trunk@%s>", c.sipp.address),
	}, append(header, fmt.Sprintf("Content-Length: %d", len(body)), "", body)...), "\r\n")
	if _, err := conn.Write([]byte(message)); err != nil {
		return 0, fmt.Errorf("a request in a call: %w", err)
	}
	answer := make([]byte, 65536)
	for {
		n, err := conn.Read(answer)
		if err != nil {
			return 0, fmt.Errorf("the answer to a request in a call: %w", err)
		}
		if status, ok := statusOf(answer[:n]); ok && status >= 200 {
			return status, nil
		}
	}
}

// statusOf reads the status of a SIP answer.
func statusOf(message []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(message, []byte("SIP/2.0 "))
	if !ok || len(rest) < 3 {
		return 0, false
	}
	status, err := strconv.Atoi(string(rest[:3]))
	return status, err == nil
}

// tags are those of the call's dialog, as Asterisk names them: its own, and the caller's. They are looked up once.
func (c *Caller) tags(ctx context.Context) (local, remote string, err error) {
	if c.localTag != "" {
		return c.localTag, c.remoteTag, nil
	}
	calls, err := c.rig.channelsOf(ctx, "trunk")
	if err != nil {
		return "", "", err
	}
	for _, channel := range calls {
		var dialog [3]string
		for i, part := range []string{"call-id", "local_tag", "remote_tag"} {
			var answer struct{ Value string }
			path := "/" + channel.ID + "/variable?variable=" + url.QueryEscape("CHANNEL(pjsip,"+part+")")
			if err := c.rig.askARI(ctx, path, &answer); err != nil {
				return "", "", err
			}
			dialog[i] = answer.Value
		}
		if dialog[0] == c.callID {
			c.localTag, c.remoteTag = dialog[1], dialog[2]
			return c.localTag, c.remoteTag, nil
		}
	}
	return "", "", fmt.Errorf("Asterisk has no call %s", c.callID)
}
