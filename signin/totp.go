package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238: it is what every authenticator computes
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"
)

// Codes are those of RFC 6238 as authenticators know them: six digits of HMAC-SHA-1, a new one every half minute. They
// are computed here rather than by a library: a code counts once, so the step that it belongs to must be known, and the
// library that there is tells only whether it is right.
const (
	codeStep   = 30 * time.Second
	codeDigits = 6
	codeDrift  = 1  // steps that a clock may be off, to each side
	codeSecret = 20 // bytes, as RFC 4226 wants
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret draws a secret for codes, in base32.
func newSecret() string {
	var secret [codeSecret]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return base32Plain.EncodeToString(secret[:])
}

// codeAt is the code of a time step (RFC 4226).
func codeAt(secret []byte, step int64, digits int) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) //nolint:gosec // a step after 1970
	mac := hmac.New(sha1.New, secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	number := uint64(binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff)
	most := uint64(1)
	for range digits {
		most *= 10
	}
	return fmt.Sprintf("%0*d", digits, number%most)
}

// matchCode gives the time step of a code that is right now and was not taken yet: only steps after used count.
func matchCode(secret, code string, used int64, now time.Time) (step int64, ok bool) {
	key, err := base32Plain.DecodeString(secret)
	if err != nil || len(key) == 0 {
		return 0, false
	}
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	current := now.Unix() / int64(codeStep/time.Second)
	for try := current - codeDrift; try <= current+codeDrift; try++ {
		same := subtle.ConstantTimeCompare([]byte(code), []byte(codeAt(key, try, codeDigits))) == 1
		if same && try > used {
			step, ok = try, true
		}
	}
	return step, ok
}

// Enrolment is what an authenticator needs to make a person's codes.
type Enrolment struct {
	Secret string // in base32, in groups of four, to type
	URI    string // otpauth://…, for a link on a telephone
	Image  string // the same as a QR code: a data: address of a PNG, for img src
}

func enrolment(secret, issuer, person string) (Enrolment, error) {
	uri := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + person,
		RawQuery: url.Values{"secret": {secret}, "issuer": {issuer}}.Encode(),
	}
	code, err := qr.Encode(uri.String(), qr.M)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var groups []string
	for rest := secret; rest != ""; {
		n := min(4, len(rest))
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	return Enrolment{
		Secret: strings.Join(groups, " "), URI: uri.String(),
		Image: "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()),
	}, nil
}
