package rig

import "errors"

// Installation is a Bereikbaar that was installed and started by others, and how to ring it.
type Installation struct {
	// SIP is the address of its Asterisk, host:port over UDP.
	SIP string
	// Provider is the trunk's address in its configuration: callers ring from there.
	Provider string
	// Phones are the accounts, with their passwords, and Desks the address of each phone.
	Phones []Phone
	Desks  []string
	// PromptsDir and MusicDir hold the prompts and the music, under their paths in the rig.
	PromptsDir, MusicDir string
}

// Attach gives a rig with callers and phones only.
func Attach(i Installation) (*Rig, error) {
	if len(i.Desks) != len(i.Phones) {
		return nil, errors.New("each phone needs an address")
	}
	r, err := prepare(Options{Phones: i.Phones, PromptsDir: i.PromptsDir})
	if err != nil {
		return nil, err
	}
	hosts := map[int]string{hostOutside: i.Provider}
	for n, desk := range i.Desks {
		hosts[hostPhones+n] = desk
	}
	r.place.elsewhere = hosts
	r.music, r.attached = i.MusicDir, true
	r.Asterisk = &Asterisk{SIP: i.SIP}
	return r, nil
}
