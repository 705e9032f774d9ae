package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// record is one entry of the journal: an event, or the word that events of a note were forgotten. It is complete in
// itself, so that it can be read from a file whose pages no longer hang together.
type record struct {
	Seq          uint64              `json:"seq"` // of two records of one event the higher counts
	Municipality call.MunicipalityID `json:"municipality,omitempty"`
	Note         note.ID             `json:"note"`
	// of the event, or the first that was forgotten
	Ver      uint64            `json:"ver"`
	Key      note.Key          `json:"key,omitempty"`      // of the note, in its made event
	Unstored bool              `json:"unstored,omitempty"` // in a made event: the store is not known to have it
	Fields   map[string]string `json:"fields,omitempty"`   // of note.EncodeEvent; none when events were forgotten
}

// A record is framed: frameMark, the length of the JSON, its checksum, the JSON. The mark holds bytes that no JSON text
// has, so that nothing that a caller told can look like a record.
const (
	frameMark = "\x00\xfftbn\x01\xfe\x00"
	frameHead = len(frameMark) + 4 + 4
	maxRecord = 1 << 20 // a longer one is not ours
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBrokenRecord = errors.New("a record cannot be read")

func (r record) framed() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, frameHead+len(text))
	b = append(b, frameMark...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(text, castagnoli))
	return append(b, text...), nil
}

// unframed reads the record with which b begins, and says how long it is.
func unframed(b []byte) (record, int, error) {
	if len(b) < frameHead || !bytes.HasPrefix(b, []byte(frameMark)) {
		return record{}, 0, errBrokenRecord
	}
	length := binary.BigEndian.Uint32(b[len(frameMark):])
	sum := binary.BigEndian.Uint32(b[len(frameMark)+4:])
	if length > maxRecord || int(length) > len(b)-frameHead {
		return record{}, 0, errBrokenRecord
	}
	text := b[frameHead : frameHead+int(length)]
	var r record
	if crc32.Checksum(text, castagnoli) != sum || json.Unmarshal(text, &r) != nil || r.Note == "" || r.Ver == 0 {
		return record{}, 0, errBrokenRecord
	}
	return r, frameHead + int(length), nil
}

// recordsIn finds every whole record, wherever it stands, old copies included.
func recordsIn(file []byte) []record {
	var found []record
	for {
		at := bytes.Index(file, []byte(frameMark))
		if at < 0 {
			return found
		}
		file = file[at:]
		r, length, err := unframed(file)
		if err != nil {
			length = len(frameMark)
		} else {
			found = append(found, r)
		}
		file = file[length:]
	}
}

// standing picks the valid events from records of any age, in any order: the last one of each version, unless it was
// forgotten later.
func standing(records []record) []record {
	type place struct {
		note note.ID
		ver  uint64
	}
	last := make(map[place]record)
	forgotten := make(map[note.ID][]record)
	for _, r := range records {
		at := place{r.Note, r.Ver}
		switch {
		case r.Fields == nil:
			forgotten[r.Note] = append(forgotten[r.Note], r)
		case last[at].Seq <= r.Seq:
			last[at] = r
		}
	}
	events := make([]record, 0, len(last))
	for _, r := range last {
		gone := false
		for _, f := range forgotten[r.Note] {
			gone = gone || f.Seq > r.Seq && f.Ver <= r.Ver
		}
		if !gone {
			events = append(events, r)
		}
	}
	return events
}

// placeOf is the key of an event in the file: the note, then its version, so that a note's events stand together in
// order.
func placeOf(n note.ID, ver uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(n), ver)
}

// keyOf is the key of a request in the index: each municipality has its own.
func keyOf(m call.MunicipalityID, key note.Key) []byte {
	return []byte(string(m) + "\x00" + string(key))
}
