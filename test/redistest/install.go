package redistest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/root"
)

// The accounts of deploy/redis/users.acl, with the passwords that every installation of a test has.
const (
	User             = "bereikbaar" // the daemon and the commands
	Password         = "een-lang-geheim"
	Operator         = "beheer" // reads and spoils the data
	OperatorPassword = "een-ander-geheim"
)

// Kind is a server that the files of deploy/redis support.
type Kind struct {
	Name    string
	program string
	check   string // its own check of a log
	private bool   // it is in the private root of dev/setup
}

// The servers of this machine (Debian 12 has Redis 7.0), and of Debian testing.
var (
	Redis        = Kind{Name: "Redis", program: "redis-server", check: "redis-check-aof"}
	TestingRedis = Kind{
		Name: "Redis of Debian testing", program: "redis-server", check: "redis-check-aof", private: true,
	}
	TestingValkey = Kind{
		Name: "Valkey of Debian testing", program: "valkey-server", check: "valkey-check-aof", private: true,
	}
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Redis, TestingRedis, TestingValkey} }

// Installation is a server installed as docs/operating.md says, but in its own directory.
type Installation struct {
	kind Kind
	dir  string
}

// Install puts the files of deploy/redis into dir with the passwords filled in. directives are further lines of
// redis.conf, and win. The data will be in dir.
func Install(dir string, kind Kind, directives ...string) (*Installation, error) {
	source, err := root.Source()
	if err != nil {
		return nil, err
	}
	i := &Installation{kind: kind, dir: dir}
	for _, name := range []string{"redis.conf", "before-start"} {
		text, err := os.ReadFile(filepath.Join(source, "deploy", "redis", name))
		if err == nil {
			err = os.WriteFile(i.path("shipped-"+name), text, 0o755)
		}
		if err != nil {
			return nil, fmt.Errorf("install Redis: %w", err)
		}
	}
	acl, err := ShippedUsers()
	if err == nil {
		err = i.SetUsers(acl)
	}
	return i, errors.Join(err, i.Configure(directives...))
}

// ShippedUsers is deploy/redis/users.acl with the passwords filled in.
func ShippedUsers() (string, error) {
	source, err := root.Source()
	if err != nil {
		return "", err
	}
	acl, err := os.ReadFile(filepath.Join(source, "deploy", "redis", "users.acl"))
	if err != nil {
		return "", fmt.Errorf("the shipped users of Redis: %w", err)
	}
	return strings.NewReplacer(
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-BEREIKBAAR-HERE", sha(Password),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-OPERATORS-HERE", sha(OperatorPassword),
	).Replace(string(acl)), nil
}

func sha(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// SetUsers replaces the shipped rules of users. A running server reads them on ACL LOAD.
func (i *Installation) SetUsers(acl string) error {
	if err := os.WriteFile(i.path("users.acl"), []byte(acl), 0o600); err != nil {
		return fmt.Errorf("the users of Redis: %w", err)
	}
	return nil
}

// Configure writes the server's own file, which includes the shipped ones.
func (i *Installation) Configure(directives ...string) error {
	lines := append([]string{
		"include " + i.path("shipped-redis.conf"), "aclfile " + i.path("users.acl"), "dir " + i.dir, "daemonize no",
		`logfile ""`,
	}, directives...)
	if err := os.WriteFile(i.ConfigFile(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("the configuration of Redis: %w", err)
	}
	return nil
}

// ConfigFile is the server's configuration.
func (i *Installation) ConfigFile() string { return i.path("redis.conf") }

// Manifest is the file that lists the files of the server's log.
func (i *Installation) Manifest() string {
	return i.path(filepath.Join("appendonlydir", "appendonly.aof.manifest"))
}

func (i *Installation) path(name string) string { return filepath.Join(i.dir, name) }

// BeforeStart mends a torn log as the systemd unit does.
func (i *Installation) BeforeStart() error {
	// By its shell: a file just written cannot be executed while a process started meanwhile still has it open.
	cmd, err := i.Program("sh", i.path("shipped-before-start"), i.Manifest(), i.kind.check)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("deploy/redis/before-start: %w: %s", err, out)
	}
	return nil
}

// Command starts the server.
func (i *Installation) Command() (*exec.Cmd, error) { return i.Program(i.kind.program, i.ConfigFile()) }

// Program makes the command that runs a program in the server's tree.
func (i *Installation) Program(program string, args ...string) (*exec.Cmd, error) {
	if !i.kind.private {
		return exec.Command(program, args...), nil
	}
	tree, err := root.Tree("testing")
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(program) {
		program = filepath.Join("/usr/bin", program)
	}
	return root.Command(tree, i.dir, []string{i.dir}, append([]string{program}, args...)...)
}

// As is the daemon's way to connect to a server: addr is host:port, or the path of a socket.
func As(addr string) redisstore.Options {
	return redisstore.Options{Addr: addr, Username: User, Password: Password}
}

// Client is a client beside the store, with all rights.
func Client(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, Username: Operator, Password: OperatorPassword, ReadTimeout: patience, WriteTimeout: patience,
	})
}
