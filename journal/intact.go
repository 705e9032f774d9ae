package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// The layout of a bbolt file, version 2. When https://pkg.go.dev/go.etcd.io/bbolt opens one, it checks only the meta
// pages, and a damaged page can lead it outside its memory. So all pages are checked first, in a copy in memory and
// within its bounds. Numbers are in the machine's byte order.
const (
	pageHead    = 16
	elementHead = 16
	metaLength  = 64

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10

	elementIsBucket = 0x01
	bucketHead      = 16

	noFreelist = 1<<64 - 1
	longList   = 0xFFFF // a freelist with this count has the real one in its first entry
	deepest    = 64     // levels of pages; a sound file of ours has a handful
)

var order = binary.NativeEndian

// meta is one of the two meta pages of a file: the newer one counts.
type meta struct {
	pageSize, root, freelist, pages, tx uint64
}

func metaAt(file []byte, at uint64) (meta, error) {
	if at+pageHead+metaLength > uint64(len(file)) {
		return meta{}, errors.New("it was cut off within its beginning")
	}
	page := file[at:]
	b := page[pageHead : pageHead+metaLength]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:56]) // a hash never fails
	if order.Uint16(page[8:])&flagMeta == 0 || order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion ||
		order.Uint64(b[56:]) != sum.Sum64() {
		return meta{}, fmt.Errorf("its beginning at byte %d is damaged", at)
	}
	return meta{
		pageSize: uint64(order.Uint32(b[8:])), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		pages: order.Uint64(b[40:]), tx: order.Uint64(b[48:]),
	}, nil
}

// intact says what is wrong with a file, nil when all its pages hang together.
func intact(file []byte) error {
	first, err := metaAt(file, 0)
	if err != nil {
		return err
	}
	second, err := metaAt(file, first.pageSize)
	if err != nil {
		return err
	}
	newest := first
	if second.tx > first.tx {
		newest = second
	}
	switch {
	case newest.pageSize < 512 || newest.pageSize > 1<<16 || second.pageSize != first.pageSize:
		return errors.New("its beginning is damaged: the page size is impossible")
	case newest.pages > uint64(len(file))/newest.pageSize:
		return fmt.Errorf("it was cut off: it has %d bytes of %d", len(file), newest.pages*newest.pageSize)
	}
	l := look{file: file, meta: newest, seen: make(map[uint64]bool)}
	if err := l.tree(newest.root, nil, nil, 0); err != nil {
		return err
	}
	return l.free()
}

// look is one check of a file.
type look struct {
	file []byte
	meta
	seen map[uint64]bool
}

// page gives a page with its overflow pages.
func (l *look) page(id uint64) ([]byte, error) {
	if id < 2 || id >= l.pages || l.seen[id] {
		return nil, fmt.Errorf("page %d is not where it should be", id)
	}
	page := l.file[id*l.pageSize:]
	over := uint64(order.Uint32(page[12:]))
	if order.Uint64(page) != id || over >= l.pages-id {
		return nil, fmt.Errorf("page %d is damaged", id)
	}
	for i := range over + 1 {
		if l.seen[id+i] {
			return nil, fmt.Errorf("page %d is used twice", id+i)
		}
		l.seen[id+i] = true
	}
	return page[:(over+1)*l.pageSize], nil
}

// tree checks a page and all pages below it. Keys run from low up to but not including high; nil is no bound.
func (l *look) tree(id uint64, low, high []byte, depth int) error {
	page, err := l.page(id)
	if err != nil {
		return err
	}
	if depth > deepest {
		return errors.New("its tree of pages is too deep: the file is damaged")
	}
	switch order.Uint16(page[8:]) {
	case flagLeaf:
		return l.leaf(page, low, high, depth)
	case flagBranch:
		return l.branch(page, low, high, depth)
	}
	return fmt.Errorf("page %d is damaged", id)
}

// part gives a part of a page, nil when it lies outside.
func part(page []byte, from, length uint64) []byte {
	if from > uint64(len(page)) || length > uint64(len(page))-from {
		return nil
	}
	return page[from : from+length : from+length]
}

var errElement = errors.New("an entry of a page is damaged")

func (l *look) branch(page, low, high []byte, depth int) error {
	count := uint64(order.Uint16(page[10:]))
	if count == 0 {
		return errElement
	}
	keys, children := make([][]byte, count), make([]uint64, count)
	for i := range count {
		at := pageHead + i*elementHead
		head := part(page, at, elementHead)
		if head == nil {
			return errElement
		}
		keys[i] = part(page, at+uint64(order.Uint32(head)), uint64(order.Uint32(head[4:])))
		children[i] = order.Uint64(head[8:])
		if len(keys[i]) == 0 || outside(keys[i], low, high) || i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return errElement
		}
	}
	for i, child := range children {
		until := high
		if i+1 < len(keys) {
			until = keys[i+1]
		}
		if err := l.tree(child, keys[i], until, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func outside(key, low, high []byte) bool {
	return low != nil && bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0
}

func (l *look) leaf(page, low, high []byte, depth int) error {
	var last []byte
	for i := range uint64(order.Uint16(page[10:])) {
		at := pageHead + i*elementHead
		head := part(page, at, elementHead)
		if head == nil {
			return errElement
		}
		from, keyed := at+uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[8:]))
		key, value := part(page, from, keyed), part(page, from+keyed, uint64(order.Uint32(head[12:])))
		if len(key) == 0 || value == nil || outside(key, low, high) || last != nil && bytes.Compare(last, key) >= 0 {
			return errElement
		}
		last = key
		if order.Uint32(head)&elementIsBucket == 0 {
			continue
		}
		if err := l.bucket(value, depth); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket: its root page or, for a small one, the page inside the entry.
func (l *look) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errElement
	}
	if root := order.Uint64(value); root != 0 {
		return l.tree(root, nil, nil, depth+1)
	}
	inner := value[bucketHead:]
	if len(inner) < pageHead || order.Uint16(inner[8:]) != flagLeaf || depth > deepest {
		return errElement
	}
	return l.leaf(inner, nil, nil, depth+1)
}

// free checks the list of free pages: bbolt writes over them, so none may be in use.
func (l *look) free() error {
	if l.freelist == noFreelist {
		return nil
	}
	page, err := l.page(l.freelist)
	if err != nil {
		return err
	}
	wrong := errors.New("the list of free pages is damaged")
	count, from := uint64(order.Uint16(page[10:])), uint64(pageHead)
	if order.Uint16(page[8:]) != flagFreelist {
		return wrong
	}
	if count == longList {
		count, from = order.Uint64(page[pageHead:]), pageHead+8
	}
	if count > l.pages {
		return wrong
	}
	list := part(page, from, count*8)
	if list == nil {
		return wrong
	}
	for i := range count {
		id := order.Uint64(list[i*8:])
		if id < 2 || id >= l.pages || l.seen[id] {
			return wrong
		}
		l.seen[id] = true
	}
	return nil
}
