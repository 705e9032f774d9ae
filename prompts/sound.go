package prompts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// How speech is shaped, so that every prompt is equally loud and parts can be joined without a click or a gap.
const (
	speechLevel    = -17.2 // dBFS RMS while there is speech; with its pauses a sentence comes to about -18.5
	speechCeiling  = 0.84  // of full scale, leaves the resampler room to overshoot
	limiterKnee    = 0.6   // above this, peaks are bent instead of cut
	largestGain    = 30.0  // dB; more would lift the noise of a bad recording
	silenceBelow   = 40.0  // dB under the loudest moment is silence at either end
	pauseBelow     = 25.0  // dB under the loudest moment does not count towards the level
	levelWindow    = 10 * time.Millisecond
	keepBefore     = 10 * time.Millisecond  // a soft consonant starts before it is loud
	keepAfter      = 20 * time.Millisecond  // and dies away slowly
	lead           = 20 * time.Millisecond  // of quiet before the speech, for G.722 to settle
	fade           = 4 * time.Millisecond   // no click at the joints
	tailOfSentence = 300 * time.Millisecond // the breath between two sentences
)

var errOnlySilence = errors.New("there is only silence in it")

// sound is one channel of samples between -1 and 1.
type sound struct {
	rate    int
	samples []float64
}

func silence(rate int, length time.Duration) sound {
	return sound{rate: rate, samples: make([]float64, samplesIn(rate, length))}
}

// noiseFloor (-70 dBFS, inaudible) lies under all that is played, silences too. G.722 is adaptive: a file is encoded
// from some state of the encoder and played into the decoder's state after the file before. Where those differ, parts
// clip and crackle at the joints, and after digital silence they stay different. In noise both settle in the same
// state. Measured on composed sentences, joined against single files: 6 dB of signal to distortion without, 26 dB with
// noise, lead and run-up (32 is G.722 itself).
const noiseFloor = 10.0 / 32768

// runUp is the noise that the encoders settle in before a file starts; it is cut off again.
const (
	runUp      = 500 * time.Millisecond
	runUpBytes = 4000 // in A-law and in G.722
)

// overNoise lays the noise floor under a sound. It is the same noise each time, so that the same text gives the same
// file.
func (s sound) overNoise() sound {
	random := rand.New(rand.NewPCG(14, 570))
	noisy := make([]float64, len(s.samples))
	for i, v := range s.samples {
		noisy[i] = v + random.NormFloat64()*noiseFloor
	}
	return sound{rate: s.rate, samples: noisy}
}

// samplesIn counts the samples in a length of time.
func samplesIn(rate int, length time.Duration) int {
	return int(int64(rate) * int64(length) / int64(time.Second))
}

// shape trims, levels and pads speech. A sentence gets a breath after it, a part nothing, so that what follows joins
// on.
func (s sound) shape(sentence bool) (sound, error) {
	s, err := s.trim()
	if err != nil {
		return sound{}, err
	}
	s = s.level()
	s.fadeEnds()
	s.samples = append(make([]float64, samplesIn(s.rate, lead)), s.samples...)
	if sentence {
		s.samples = append(s.samples, make([]float64, samplesIn(s.rate, tailOfSentence))...)
	}
	return s, nil
}

// A frame is what one RTP packet carries. After a file that ends inside a frame, Asterisk 22 was measured to wait some
// 50 ms before the next one; after whole frames it goes on at once, and a composed sentence flows.
const (
	frame      = 20 * time.Millisecond
	frameBytes = 160                  // in A-law and in G.722
	frameSlack = 2 * time.Millisecond // more than the resampler may lose; the surplus is cut off after it
)

// wholeFrames fills the last frame with silence.
func (s sound) wholeFrames() sound {
	size := samplesIn(s.rate, frame)
	filling := (size - len(s.samples)%size) % size
	s.samples = append(s.samples, make([]float64, filling+samplesIn(s.rate, frameSlack))...)
	return s
}

// endsSentence tells a whole sentence from a part by its last character; the dots of "a.m." do not count.
func endsSentence(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" || !strings.ContainsRune(".?!", rune(text[len(text)-1])) {
		return false
	}
	return len(text) < 3 || text[len(text)-3] != '.'
}

// windows returns the RMS of each window and the loudest of them.
func (s sound) windows() (rms []float64, loudest float64) {
	size := max(samplesIn(s.rate, levelWindow), 1)
	for start := 0; start < len(s.samples); start += size {
		level := rootMeanSquare(s.samples[start:min(start+size, len(s.samples))])
		rms = append(rms, level)
		loudest = max(loudest, level)
	}
	return rms, loudest
}

func (s sound) trim() (sound, error) {
	rms, loudest := s.windows()
	if decibel(loudest) < -60 {
		return sound{}, errOnlySilence
	}
	floor := loudest * factor(-silenceBelow)
	first, last := 0, len(rms)-1
	for rms[first] < floor {
		first++
	}
	for rms[last] < floor {
		last--
	}
	size := max(samplesIn(s.rate, levelWindow), 1)
	from := max(first*size-samplesIn(s.rate, keepBefore), 0)
	to := min((last+1)*size+samplesIn(s.rate, keepAfter), len(s.samples))
	return sound{rate: s.rate, samples: append([]float64(nil), s.samples[from:to]...)}, nil
}

// level brings speech to speechLevel, measured over the moments in which somebody speaks (the idea of ITU-T P.56), and
// bends peaks so that nothing clips.
func (s sound) level() sound {
	gain := factor(min(speechLevel-decibel(s.activeLevel()), largestGain))
	levelled := make([]float64, len(s.samples))
	for i, v := range s.samples {
		levelled[i] = bend(v * gain)
	}
	return sound{rate: s.rate, samples: levelled}
}

func (s sound) activeLevel() float64 {
	rms, loudest := s.windows()
	floor := loudest * factor(-pauseBelow)
	var sum, count float64
	for _, level := range rms {
		if level >= floor {
			sum += level * level
			count++
		}
	}
	if count == 0 {
		return 0
	}
	return math.Sqrt(sum / count)
}

// bend is straight up to the knee and nears the ceiling beyond it.
func bend(v float64) float64 {
	size := math.Abs(v)
	if size <= limiterKnee {
		return v
	}
	room := speechCeiling - limiterKnee
	return math.Copysign(limiterKnee+room*math.Tanh((size-limiterKnee)/room), v)
}

func (s sound) fadeEnds() {
	n := min(samplesIn(s.rate, fade), len(s.samples)/2)
	for i := range n {
		share := float64(i) / float64(n)
		s.samples[i] *= share
		s.samples[len(s.samples)-1-i] *= share
	}
}

func rootMeanSquare(samples []float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	var sum float64
	for _, v := range samples {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(samples)))
}

func decibel(level float64) float64 { return 20 * math.Log10(max(level, 1e-10)) }

func factor(db float64) float64 { return math.Pow(10, db/20) }

// pcm16 writes the samples as 16-bit little-endian.
func (s sound) pcm16() []byte {
	raw := make([]byte, 0, 2*len(s.samples))
	for _, v := range s.samples {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(math.Round(max(-1, min(1, v))*math.MaxInt16))))
	}
	return raw
}

func fromPCM16(rate int, raw []byte) sound {
	s := sound{rate: rate, samples: make([]float64, len(raw)/2)}
	for i := range s.samples {
		s.samples[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / (math.MaxInt16 + 1)
	}
	return s
}

// wavFormat is what the header of a WAV file says about its samples.
type wavFormat struct {
	coding, channels, bits uint16
	rate                   uint32
}

// readWAV splits a WAV file into format and samples. A data length beyond the end means "until the end": a program that
// does not know the length yet, such as espeak-ng into a pipe, writes that.
func readWAV(raw []byte) (wavFormat, []byte, error) {
	if len(raw) < 12 || string(raw[:4]) != "RIFF" || string(raw[8:12]) != "WAVE" {
		return wavFormat{}, nil, errors.New("it is not a WAV file")
	}
	var format wavFormat
	for rest := raw[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		body := rest[:min(size, int64(len(rest)))]
		switch {
		case name == "fmt " && len(body) >= 16:
			format = wavFormat{
				coding: binary.LittleEndian.Uint16(body), channels: binary.LittleEndian.Uint16(body[2:]),
				rate: binary.LittleEndian.Uint32(body[4:]), bits: binary.LittleEndian.Uint16(body[14:]),
			}
		case name == "data" && format.rate > 0:
			return format, body, nil
		}
		rest = rest[min(size+size%2, int64(len(rest))):]
	}
	return wavFormat{}, nil, fmt.Errorf("its WAV header is broken: no samples in %d bytes", len(raw))
}
