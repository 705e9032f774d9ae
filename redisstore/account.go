package redisstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// account is the user and the groups of a process. What Redis says of itself (its program, its file, its process) may
// come from an attacker who took its port or broke into it. So none of it is run with rights that the process does not
// have already, and no file that others can change is used.
type account struct {
	uid, gid uint32
	groups   []uint32
}

// accountOf gives the account of a process of this machine.
func accountOf(pid string) (account, error) {
	status, err := os.ReadFile(filepath.Join("/proc", filepath.Base(pid), "status"))
	if err != nil {
		return account{}, err
	}
	var uids, gids, groups []uint32
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "Uid":
			uids = idsIn(value)
		case "Gid":
			gids = idsIn(value)
		case "Groups":
			groups = idsIn(value)
		}
	}
	const effective = 1 // real, effective, saved, of the file system
	if len(uids) <= effective || len(gids) <= effective {
		return account{}, errors.New("the user of Redis's process is unknown")
	}
	return account{uids[effective], gids[effective], groups}, nil
}

func idsIn(text string) []uint32 {
	var ids []uint32
	for field := range strings.FieldsSeq(text) {
		if id, err := strconv.ParseUint(field, 10, 32); err == nil {
			ids = append(ids, uint32(id))
		}
	}
	return ids
}

// ours is the account with which this process runs another's program: root takes the other's rights, any other user
// keeps their own.
func (a account) ours() account {
	if os.Geteuid() == 0 {
		return a
	}
	return account{uint32(os.Geteuid()), uint32(os.Getegid()), nil}
}

// credential is how to run as the account; nil when this process does so already.
func (a account) credential() *syscall.Credential {
	if a.uid == uint32(os.Geteuid()) {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// alone gives an error when others than root and the account can change a file, or put another in its place.
func (a account) alone(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok, stat.Uid != 0 && stat.Uid != a.uid:
			return fmt.Errorf("%s belongs neither to root nor to the user of Redis: it is not run", at)
		case a.open(info, stat.Gid):
			return fmt.Errorf("%s can be changed by others than root and the user of Redis: it is not run", at)
		case at == filepath.Dir(at):
			return nil
		}
	}
}

// open reports whether others than the owner can change a file, or the entries of a directory.
func (a account) open(info os.FileInfo, gid uint32) bool {
	if info.IsDir() && info.Mode()&os.ModeSticky != 0 {
		return false // there only its owner can replace a file
	}
	own := gid == 0 || a.uid != 0 && gid == a.gid
	return info.Mode().Perm()&0o002 != 0 || info.Mode().Perm()&0o020 != 0 && !own
}

// genuine gives an error when a program is not the one that a process runs.
func (a account) genuine(program, pid string) error {
	name := filepath.Base(program)
	if !slices.ContainsFunc([]string{"redis", "valkey"}, func(of string) bool { return strings.Contains(name, of) }) {
		return errors.New("Redis names a program that is neither Redis nor Valkey: it is not run")
	}
	if err := a.alone(program); err != nil {
		return err
	}
	is, err := os.Stat(program)
	if err != nil {
		return err
	}
	runs, err := os.Stat(filepath.Join("/proc", filepath.Base(pid), "exe"))
	switch {
	case errors.Is(err, os.ErrPermission): // another user's process, and we are not root
		return nil
	case err != nil:
		return err
	case !os.SameFile(is, runs):
		return fmt.Errorf("%s is not what runs: it was replaced since, or Redis runs elsewhere; restart it", program)
	}
	return nil
}

// openOthers opens a file where others may have put anything: a pipe would block for ever, and a device may do things
// when it is opened.
func openOthers(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// lastOf reads the end of a log in another user's directory: a link in its place is refused.
func lastOf(path string, most int64) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("%s is not a regular file", path))
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-most), most))
	return string(text), err
}
