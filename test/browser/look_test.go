package browser

import "testing"

func TestPicturesOfThePages(t *testing.T) {
	d := open(t)
	notes := d.day()
	s := d.sits("cem")
	s.goes("/")
	s.shoots("list-1280")
	s.goes(at(notes["mine"]))
	s.shoots("note-1280")
	s.wide(320, 800, 1)
	s.goes("/")
	s.shoots("list-320")
	s.goes(at(notes["mine"]))
	s.shoots("note-320")
	s.blameless()
}
