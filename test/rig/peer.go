package rig

import (
	"context"
	"crypto/md5" //nolint:gosec // SIP's digest needs it (RFC 8760 still allows it)
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Peer is a SIP socket that sends exactly what a test gives it: a phone, the trunk, or a stranger. It plays no sound.
type Peer struct {
	Name string // the account, and the user in its own addresses

	conn     *net.UDPConn
	server   *net.UDPAddr
	password string

	mu      sync.Mutex
	replies map[string]string // status line and headers, by method
	invites []SIPMessage
	waiting map[string]chan SIPMessage // for answers, by branch
	changed chan struct{}
	cseq    int
}

// SIPMessage is a request or a response as it was on the wire.
type SIPMessage struct {
	First   string // the first line
	Headers []string
}

// Get is the first header of a name; empty when there is none.
func (m SIPMessage) Get(name string) string {
	for _, line := range m.Headers {
		if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Method is that of a request; empty for a response.
func (m SIPMessage) Method() string {
	if m.Status() != 0 {
		return ""
	}
	method, _, _ := strings.Cut(m.First, " ")
	return method
}

// Status is that of a response; 0 for a request.
func (m SIPMessage) Status() int {
	rest, ok := strings.CutPrefix(m.First, "SIP/2.0 ")
	if !ok {
		return 0
	}
	code, _, _ := strings.Cut(rest, " ")
	status, _ := strconv.Atoi(code)
	return status
}

func readSIP(data string) SIPMessage {
	head, _, _ := strings.Cut(data, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	return SIPMessage{First: lines[0], Headers: lines[1:]}
}

// PeerPhone is a peer with the account of one of the rig's phones; it is not logged in yet.
func (r *Rig) PeerPhone(name string) (*Peer, error) {
	index := slices.IndexFunc(r.Phones, func(p Phone) bool { return p.Name == name })
	if index < 0 {
		return nil, fmt.Errorf("no account %q among the rig's phones", name)
	}
	return r.peer(name, r.Phones[index].Password, hostPhones+index, 5060)
}

// PeerTrunk is the telephone network, on the trunk's address.
func (r *Rig) PeerTrunk() (*Peer, error) { return r.peer("trunk", "", hostOutside, 5060) }

// PeerStranger is an address that is not configured, with any name.
func (r *Rig) PeerStranger(name string) (*Peer, error) { return r.peer(name, "", hostStranger, 5060) }

func (r *Rig) peer(name, password string, host, preferred int) (*Peer, error) {
	address := r.place.host(host)
	port, err := freePort("udp", address, preferred)
	if err != nil {
		return nil, err
	}
	server, err := net.ResolveUDPAddr("udp", r.Asterisk.SIP)
	if err != nil {
		return nil, fmt.Errorf("the address of Asterisk: %w", err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address), Port: port})
	if err != nil {
		return nil, fmt.Errorf("the socket of a peer: %w", err)
	}
	p := &Peer{
		Name: name, conn: conn, server: server, password: password,
		waiting: map[string]chan SIPMessage{}, changed: make(chan struct{}),
		replies: map[string]string{"INVITE": "SIP/2.0 480 Nobody\r\n"},
	}
	r.onClose(conn.Close)
	go p.listen()
	return p, nil
}

// Address is host:port of the peer.
func (p *Peer) Address() string { return p.conn.LocalAddr().String() }

// Replies sets the answer to INVITEs: the status line and header lines.
func (p *Peer) Replies(lines ...string) { p.RepliesTo("INVITE", lines...) }

// RepliesTo sets the answer to requests of a method. The default is 200.
func (p *Peer) RepliesTo(method string, lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replies[method] = strings.Join(lines, "\r\n") + "\r\n"
}

// Invites are the INVITEs that came so far, each call once.
func (p *Peer) Invites() []SIPMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.invites)
}

// AwaitInvites waits until n have come.
func (p *Peer) AwaitInvites(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		changed, have := p.changed, len(p.invites)
		p.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s waits for its INVITE %d, and has %d: %w", p.Name, n, have, context.Cause(ctx))
		}
	}
}

func (p *Peer) listen() {
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := p.conn.ReadFromUDP(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 20 {
			continue
		}
		m := readSIP(string(buffer[:n]))
		if m.Status() == 0 {
			p.asked(m)
			continue
		}
		p.mu.Lock()
		answer := p.waiting[branchOf(m)]
		p.mu.Unlock()
		if answer != nil && m.Status() >= 200 {
			select {
			case answer <- m:
			default: // repeated
			}
		}
	}
}

// asked answers a request.
func (p *Peer) asked(m SIPMessage) {
	if m.Method() == "ACK" {
		return
	}
	p.mu.Lock()
	again := slices.ContainsFunc(p.invites, func(i SIPMessage) bool { return i.Get("Call-ID") == m.Get("Call-ID") })
	if m.Method() == "INVITE" && !again {
		p.invites = append(p.invites, m)
		close(p.changed)
		p.changed = make(chan struct{})
	}
	head, ok := p.replies[m.Method()]
	p.mu.Unlock()
	if !ok {
		head = "SIP/2.0 200 OK\r\n"
	}
	p.send(head + echoed(m) + p.bodyOf(head, m))
}

// bodyOf gives the body of an answer: SDP, when an INVITE is accepted.
func (p *Peer) bodyOf(head string, m SIPMessage) string {
	if m.Method() != "INVITE" || !strings.HasPrefix(head, "SIP/2.0 200") {
		return "Content-Length: 0\r\n\r\n"
	}
	sdp := p.sdp()
	return fmt.Sprintf(
		"Contact: <sip:%s@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", p.Name, p.Address(),
		len(sdp), sdp,
	)
}

// echoed are the headers that an answer copies from its request.
func echoed(m SIPMessage) string {
	var out strings.Builder
	for _, line := range m.Headers {
		switch name, _, _ := strings.Cut(line, ":"); strings.ToLower(strings.TrimSpace(name)) {
		case "to":
			if !strings.Contains(line, ";tag=") {
				line += ";tag=peer"
			}
			fallthrough
		case "via", "from", "call-id", "cseq":
			out.WriteString(line + "\r\n")
		}
	}
	return out.String()
}

func (p *Peer) send(text string) {
	// A failed send shows as a wait that times out.
	_, _ = p.conn.WriteToUDP([]byte(text), p.server)
}

func (p *Peer) sdp() string {
	host, _, _ := strings.Cut(p.Address(), ":")
	return "v=0\r\no=- 1 1 IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " + host + "\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\n" +
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
}

// SIPRequest is what a peer sends. Empty fields are those of an ordinary request for that method outside of any call.
type SIPRequest struct {
	Method  string
	URI     string   // of the first line; empty: Asterisk itself. A bare word is a user there.
	From    string   // the address in From, without tag; empty: the peer's own
	Headers []string // lines
	Body    string   // with its Content-Type among the headers; an INVITE without one offers sound
	Dialog  *Dialog  // the call that it belongs to; nil for none
}

// Dialog is a call between a peer and Asterisk.
type Dialog struct {
	CallID, Local, Remote, Target string // Local and Remote with their tags
}

// Send sends a request, logs in when it is asked to, and gives the final answer. An INVITE is acknowledged; an accepted
// one gives a dialog.
func (p *Peer) Send(ctx context.Context, q SIPRequest) (answer SIPMessage, opened *Dialog, err error) {
	d := q.Dialog
	if d == nil {
		from := q.From
		if from == "" {
			from = "<sip:" + p.Name + "@" + p.Address() + ">"
		}
		d = &Dialog{
			CallID: strconv.FormatUint(rand.Uint64(), 36) + "@" + p.Name,
			Local:  from + ";tag=" + strconv.FormatUint(rand.Uint64(), 36),
			Remote: "<" + p.uri(q.URI) + ">", Target: p.uri(q.URI),
		}
		if q.Method == "REGISTER" {
			d.Remote = from
		}
	}
	var authorization string
	for range 2 {
		if answer, err = p.once(ctx, q, d, authorization); err != nil {
			return answer, nil, err
		}
		challenge := answer.Get("WWW-Authenticate")
		if p.password == "" || answer.Status() != 401 || challenge == "" {
			break
		}
		authorization = "Authorization: " + p.digest(q.Method, d.Target, challenge)
	}
	if q.Method == "INVITE" && answer.Status() < 300 {
		opened = &Dialog{
			CallID: d.CallID, Local: d.Local, Remote: answer.Get("To"), Target: address(answer.Get("Contact")),
		}
	}
	return answer, opened, nil
}

func (p *Peer) uri(to string) string {
	if strings.Contains(to, ":") {
		return to
	}
	if to == "" {
		return "sip:" + p.server.String()
	}
	return "sip:" + to + "@" + p.server.String()
}

func address(header string) string {
	_, rest, _ := strings.Cut(header, "<")
	uri, _, _ := strings.Cut(rest, ">")
	return uri
}

// once sends a request once, and gives the final answer.
func (p *Peer) once(ctx context.Context, q SIPRequest, d *Dialog, authorization string) (SIPMessage, error) {
	branch := "z9hG4bKpeer" + strconv.FormatUint(rand.Uint64(), 36)
	answers := make(chan SIPMessage, 1)
	p.mu.Lock()
	p.cseq++
	cseq := p.cseq
	p.waiting[branch] = answers
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, branch)
		p.mu.Unlock()
	}()
	body, lines := q.Body, slices.Clone(q.Headers)
	if q.Method == "INVITE" && body == "" {
		body, lines = p.sdp(), append(lines, "Content-Type: application/sdp")
	}
	if authorization != "" {
		lines = append(lines, authorization)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Contact:") }) {
		lines = append(lines, "Contact: <sip:"+p.Name+"@"+p.Address()+">")
	}
	common := func(method, branch, remote string) string {
		return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
			method, d.Target, p.Address(), branch, d.Local, remote, d.CallID, cseq, method)
	}
	p.send(common(q.Method, branch, d.Remote) + strings.Join(append(lines, ""), "\r\n") + fmt.Sprintf(
		"Content-Length: %d\r\n\r\n%s", len(body), body,
	))
	select {
	case answer := <-answers:
		if q.Method == "INVITE" {
			of := branch
			if answer.Status() < 300 {
				of += "ack"
			}
			p.send(common("ACK", of, answer.Get("To")) + "Content-Length: 0\r\n\r\n")
		}
		return answer, nil
	case <-ctx.Done():
		return SIPMessage{}, fmt.Errorf("%s waits for an answer to %s: %w", p.Name, q.Method, context.Cause(ctx))
	}
}

// Register logs the peer in.
func (p *Peer) Register(ctx context.Context) error {
	answer, _, err := p.Send(ctx, SIPRequest{Method: "REGISTER", Headers: []string{"Expires: 3600"}})
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("%s could not log in: %s", p.Name, answer.First)
	}
	return err
}

// HangUp ends a call.
func (p *Peer) HangUp(ctx context.Context, d *Dialog) error {
	_, _, err := p.Send(ctx, SIPRequest{Method: "BYE", Dialog: d})
	return err
}

// Taken is the dialog of the n-th INVITE to the peer, for requests of the peer in it.
func (p *Peer) Taken(n int) *Dialog {
	m := p.Invites()[n-1]
	return &Dialog{
		CallID: m.Get("Call-ID"), Local: m.Get("To") + ";tag=peer", Remote: m.Get("From"),
		Target: address(m.Get("Contact")),
	}
}

var quotedParameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// digest answers a challenge (RFC 3261, 22.4).
func (p *Peer) digest(method, uri, challenge string) string {
	with := map[string]string{}
	for _, m := range quotedParameter.FindAllStringSubmatch(challenge, -1) {
		with[m[1]] = m[2]
	}
	sum := func(parts ...string) string {
		s := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // see the import
		return hex.EncodeToString(s[:])
	}
	const nc, cnonce = "00000001", "peer"
	response := sum(sum(p.Name, with["realm"], p.password), with["nonce"], nc, cnonce, "auth", sum(method, uri))
	return fmt.Sprintf(`Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, qop=auth, nc=%s, cnonce=%q, opaque=%q, algorithm=MD5`,
		p.Name, with["realm"], with["nonce"], uri, response, nc, cnonce, with["opaque"])
}

func branchOf(m SIPMessage) string {
	_, rest, _ := strings.Cut(m.Get("Via"), "branch=")
	branch, _, _ := strings.Cut(rest, ";")
	return branch
}
