package rig

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// sampleRate is that of a telephone call, in samples a second.
const sampleRate = 8000

// frameBytes is 20 ms of A-law, one RTP packet.
const frameBytes = sampleRate / 50

// Sound is telephone speech: 8 kHz linear samples.
type Sound []int16

// silenceLevel is the RMS, in dB below full scale, under which 20 ms count as silent.
const silenceLevel = -50

// Duration is how long the sound takes.
func (s Sound) Duration() time.Duration {
	return time.Duration(len(s)) * time.Second / sampleRate
}

// RMS is the loudness in dB relative to full scale; -Inf for nothing at all.
func (s Sound) RMS() float64 {
	var sum float64
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return 20 * math.Log10(math.Sqrt(sum/float64(max(len(s), 1)))/math.MaxInt16)
}

// Silence is the part of the sound, 0 to 1, that is silent. An empty sound is all silence.
func (s Sound) Silence() float64 {
	frames, silent := 0, 0
	s.frames(func(frame Sound) {
		frames++
		if frame.RMS() < silenceLevel {
			silent++
		}
	})
	if frames == 0 {
		return 1
	}
	return float64(silent) / float64(frames)
}

// LongestSilence is the longest silent stretch.
func (s Sound) LongestSilence() time.Duration {
	longest, run := 0, 0
	s.frames(func(frame Sound) {
		if frame.RMS() >= silenceLevel {
			run = 0
			return
		}
		run++
		longest = max(longest, run)
	})
	return time.Duration(longest) * 20 * time.Millisecond
}

// frames goes through the sound 20 ms at a time.
func (s Sound) frames(f func(Sound)) {
	for len(s) >= frameBytes {
		f(s[:frameBytes])
		s = s[frameBytes:]
	}
}

// Tone is a sine of the given pitch at a comfortable loudness, for telling one speaker from another.
func Tone(hertz float64, d time.Duration) Sound {
	s := make(Sound, int(d.Seconds()*sampleRate))
	for i := range s {
		s[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/sampleRate))
	}
	return s
}

// KeyTone is the two tones of a key (ITU-T Q.23), each as loud as a telephone sends it.
func KeyTone(key rune, d time.Duration) (Sound, error) {
	const layout = "123A456B789C*0#D"
	at := strings.IndexRune(layout, key)
	if at < 0 {
		return nil, fmt.Errorf("no key %q on a telephone", key)
	}
	low, high := []float64{697, 770, 852, 941}[at/4], []float64{1209, 1336, 1477, 1633}[at%4]
	s := make(Sound, int(d.Seconds()*sampleRate))
	for i := range s {
		seconds := float64(i) / sampleRate
		s[i] = int16(6000 * (math.Sin(2*math.Pi*low*seconds) + math.Sin(2*math.Pi*high*seconds)))
	}
	return s, nil
}

// Pitch is how much of the sound's energy, 0 to 1, lies at the given pitch: near 1 for a Tone of it.
func (s Sound) Pitch(hertz float64) float64 {
	var re, im, energy float64
	for i, v := range s {
		phase := 2 * math.Pi * hertz * float64(i) / sampleRate
		re += float64(v) * math.Cos(phase)
		im += float64(v) * math.Sin(phase)
		energy += float64(v) * float64(v)
	}
	if energy == 0 {
		return 0
	}
	return 2 * (re*re + im*im) / (energy * float64(len(s)))
}

// purestOver is how many samples Purest looks at together: over more than a fifth of a second, a late packet shifts a
// tone against itself.
const purestOver = sampleRate / 5

// Purest is the highest Pitch of any fifth of a second of the sound; 0 when the sound is shorter.
func (s Sound) Purest(hertz float64) float64 {
	best := 0.0
	for ; len(s) >= purestOver; s = s[frameBytes:] {
		best = max(best, s[:purestOver].Pitch(hertz))
	}
	return best
}

// alawToLinear decodes A-law (ITU-T G.711).
var alawToLinear = func() (table [256]int16) {
	for i := range table {
		v := byte(i) ^ 0x55
		magnitude := int16(v&0x0f)<<4 + 8
		if segment := v >> 4 & 7; segment > 0 {
			magnitude = (magnitude + 0x100) << (segment - 1)
		}
		if v&0x80 == 0 {
			magnitude = -magnitude
		}
		table[i] = magnitude
	}
	return table
}()

// alawSilence is a silent sample.
const alawSilence = 0xd5

// linearToALaw encodes A-law (ITU-T G.711).
func linearToALaw(sample int16) byte {
	sign := byte(0x80)
	v := int(sample)
	if v < 0 {
		sign, v = 0, -v-1
	}
	v >>= 4
	segment := 0
	for limit := 0x0f; v > limit && segment < 7; limit = limit<<1 | 1 {
		segment++
	}
	mantissa := v & 0x0f
	if segment > 0 {
		mantissa = v >> (segment - 1) & 0x0f
	}
	return (sign | byte(segment<<4) | byte(mantissa)) ^ 0x55
}

// DecodeALaw makes a Sound of A-law bytes, such as an .alaw file.
func DecodeALaw(data []byte) Sound {
	s := make(Sound, len(data))
	for i, b := range data {
		s[i] = alawToLinear[b]
	}
	return s
}

// ALaw encodes the sound for the telephone.
func (s Sound) ALaw() []byte {
	data := make([]byte, len(s))
	for i, v := range s {
		data[i] = linearToALaw(v)
	}
	return data
}

// WriteWAV writes the sound for a person to listen to.
func (s Sound) WriteWAV(path string) error {
	var b bytes.Buffer
	size := uint32(2 * len(s))
	b.WriteString("RIFF")
	for _, field := range []any{
		36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(sampleRate), uint32(2 * sampleRate),
		uint16(2), uint16(16), []byte("data"), size, []int16(s),
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}

// ReadWAV reads 8 kHz, 16 bit, one channel, also while it is still being written.
func ReadWAV(path string) (Sound, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a recording: %w", err)
	}
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, fmt.Errorf("%s is no WAV file", path)
	}
	rest := data[12:]
	for len(rest) >= 8 {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:8]))
		body := rest[8:]
		switch {
		case name == "fmt " && len(body) >= 16:
			format, channels := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
			rate, bits := binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint16(body[14:])
			if format != 1 || channels != 1 || rate != sampleRate || bits != 16 {
				return nil, fmt.Errorf(
					"%s: format %d, %d channels, %d Hz, %d bits; wanted linear, 1, 8000, 16", path, format, channels,
					rate, bits,
				)
			}
		case name == "data":
			// The size is only right once the recorder has closed the file.
			sound := make(Sound, len(body)/2)
			for i := range sound {
				sound[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return sound, nil
		}
		if size > len(body) {
			break
		}
		rest = body[size:]
	}
	return nil, fmt.Errorf("%s has no sound in it", path)
}
