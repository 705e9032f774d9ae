package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// randomLength is that of randomText.
const randomLength = 43

// randomText draws 32 bytes, as text for addresses and cookies.
func randomText() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// sealer gives the browser something to keep that it can neither read nor change: the step between password and code,
// and between here and the provider. So nobody who is not signed in takes memory here or in Redis. Its key is of this
// process: after a restart the person begins again.
type sealer struct{ gcm cipher.AEAD }

func newSealer() (*sealer, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	gcm, err := gcmOf(key[:])
	return &sealer{gcm}, err
}

func gcmOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return gcm, nil
}

// sealedForm is what lies in the seal.
type sealedForm struct {
	Until int64           `json:"until"` // seconds since 1970
	Value json.RawMessage `json:"value"`
}

// seal wraps a value. as says what it is: it opens as nothing else.
func (s *sealer) seal(as string, value any, until time.Time) string {
	text, err := json.Marshal(value)
	if err == nil {
		text, err = json.Marshal(sealedForm{until.Unix(), text})
	}
	if err != nil {
		panic("signin: a value that cannot be sealed: " + err.Error()) // plain structs of this package
	}
	return base64.RawURLEncoding.EncodeToString(s.gcm.Seal(nil, nil, text, []byte(as)))
}

var errSeal = errors.New("it was not sealed here, or is too old")

// open unwraps a value that was sealed as the same and is not too old.
func (s *sealer) open(as, sealed string, now time.Time, value any) error {
	const longest = 8 << 10
	if len(sealed) > longest {
		return errSeal
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return errSeal
	}
	text, err := s.gcm.Open(nil, nil, raw, []byte(as))
	if err != nil {
		return errSeal
	}
	var form sealedForm
	if json.Unmarshal(text, &form) != nil || now.Unix() >= form.Until || json.Unmarshal(form.Value, value) != nil {
		return errSeal
	}
	return nil
}

// cipherOf is the cipher for what is kept beside a session and only its browser may open: Redis has the hash of the
// token, from which the key does not follow.
func cipherOf(token string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "bereikbaar provider tokens", 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return gcmOf(key)
}
