package prompts

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Faults of a sound file's form.
var (
	errWrongForm = errors.New("Asterisk cannot play it")
	errNoLevel   = errors.New("its level cannot be measured here")
)

// readSound reads a sound file in one of the forms that Asterisk plays. The length is known for all but gsm. Forms that
// are compressed further give errNoLevel instead of samples.
func readSound(name string, raw []byte) (sound, time.Duration, error) {
	switch filepath.Ext(name) {
	case alawExt:
		return companded(raw, alawSample), lasting(len(raw), 8000), nil
	case ".ulaw":
		return companded(raw, ulawSample), lasting(len(raw), 8000), nil
	case ".sln":
		return fromPCM16(8000, raw), lasting(len(raw), 16000), nil
	case ".sln16":
		return fromPCM16(16000, raw), lasting(len(raw), 32000), nil
	case ".wav":
		return readPlayableWAV(raw, 8000)
	case ".wav16":
		return readPlayableWAV(raw, 16000)
	case g722Ext:
		return sound{}, lasting(len(raw), 8000), errNoLevel
	}
	return sound{}, 0, errNoLevel
}

func lasting(bytes, perSecond int) time.Duration {
	return time.Duration(bytes) * time.Second / time.Duration(perSecond)
}

// readPlayableWAV accepts the WAV files that Asterisk's format_wav does: one channel of 16-bit samples at exactly one
// rate.
func readPlayableWAV(raw []byte, rate uint32) (sound, time.Duration, error) {
	format, samples, err := readWAV(raw)
	if err != nil {
		return sound{}, 0, fmt.Errorf("%w: %w", errWrongForm, err)
	}
	wanted := wavFormat{coding: 1, channels: 1, bits: 16, rate: rate}
	if format != wanted {
		return sound{}, 0, fmt.Errorf("%w: it has %d channels of %d bits at %d Hz (coding %d), Asterisk takes one of 16 bits at %d Hz (coding 1)",
			errWrongForm, format.channels, format.bits, format.rate, format.coding, rate)
	}
	return fromPCM16(int(rate), samples), lasting(len(samples), 2*int(rate)), nil
}

func companded(raw []byte, expand func(byte) int) sound {
	s := sound{rate: 8000, samples: make([]float64, len(raw))}
	for i, b := range raw {
		s.samples[i] = float64(expand(b)) / 32768
	}
	return s
}

// alawSample expands A-law to 16 bits (ITU-T G.711): sign, three bits of segment, four of step, every other bit
// inverted.
func alawSample(b byte) int {
	b ^= 0x55
	step, segment := int(b&0x0f)<<4+8, b>>4&7
	if segment > 0 {
		step = (step + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return -step
	}
	return step
}

// ulawSample expands µ-law to 16 bits (ITU-T G.711): as A-law, with all bits inverted and a bias of 132.
func ulawSample(b byte) int {
	b = ^b
	step := (int(b&0x0f)<<3 + 132) << (b >> 4 & 7)
	if b&0x80 != 0 {
		return 132 - step
	}
	return step - 132
}
