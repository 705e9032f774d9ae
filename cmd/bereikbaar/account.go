package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

const accountHelp = `Make and mend the local accounts with which people sign in, directly on Redis.

Nobody but the person knows their password: a new account, and one whose password or telephone is lost, gets a
first-run link. It works once, for three days. Give it to that person alone, by a way that you trust.

It needs the configuration and its secrets. Changes need --as, the id of the person who makes them. Every look
and change is logged in the machine's journal.

It ends with 0 when done, 3 when there is no such account or person, 4 when there is one already or somebody
else changed it first, 5 when Redis does not answer, and 1 for anything else.`

var (
	errNoAccount = errors.New("there is no such account: bereikbaar account list shows all")
	errNobody    = errors.New("nobody knows this person: no account, no line under people or agents, and no page or " +
		"sign-in; is the id right?")
	errNoRoles   = errors.New("--role is missing: name the roles, or take all of them away with --none")
	errTwoRoles  = errors.New("--role and --none are two things: give one of the two")
	errLastAdmin = errors.New("this is the last administrator: give another person *=admin first, or take all roles " +
		"away with --none")
	errAccountThere = errors.New("there is an account already: bereikbaar account link gives it a new link")
)

func accountCommand(access io.Writer) *cobra.Command {
	o := &sessionOptions{access: access}
	cmd := &cobra.Command{
		Use: "account", Short: "Make and mend the local accounts with which people sign in", Long: accountHelp,
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.municipality, "municipality", "", "that of the person; needed when there are several")
	flags.StringVar(&o.as, "as", "", "your id; needed for every change")
	flags.BoolVar(&o.asJSON, "json", false, "print it as JSON")
	cmd.AddCommand(
		newAccountCommand(o), linkCommand(o), listAccountsCommand(o), rolesCommand(o), lockCommand(o),
		removeAccountCommand(o), signOutCommand(o),
	)
	return cmd
}

func (b *session) onAccount(did string, id call.AgentID, err error) {
	b.written("access to accounts", did, "person", id, "done", err == nil)
}

// account finds the account of a person.
func (b *session) account(id call.AgentID) (signin.Account, error) {
	a, found, err := b.store.Account(b.cmd.Context(), b.town.ID, id)
	if err == nil && !found {
		err = errNoAccount
	}
	return a, err
}

var errNotAnID = errors.New("that is not an id: use letters, digits, dots, hyphens and underscores, at most 64")

// forPerson is a command that changes something about the person whom its argument names.
func forPerson(o *sessionOptions, run func(*session, call.AgentID) error) func(*cobra.Command, []string) error {
	return withNotes(o, func(b *session, args []string) error {
		if _, err := b.who(); err != nil {
			return err
		}
		id := signin.IDOf(args[0])
		if !signin.ValidID(id) {
			return errNotAnID
		}
		return run(b, id)
	})
}

// changed logs a change, and prints that it was done.
func (b *session) changed(name string, id call.AgentID, done string, err error) error {
	b.onAccount("account "+name, id, err)
	if err != nil {
		return err
	}
	if b.options.asJSON {
		return printJSON(b.out(), map[string]call.AgentID{name: id})
	}
	_, err = fmt.Fprintf(b.out(), "%s %s\n", id, done)
	return err
}

// localOnly gives an error when people cannot sign in with a local account.
func (b *session) localOnly() error {
	if b.cfg.SignIn == nil || !b.cfg.SignIn.Local {
		return fmt.Errorf("there are no local accounts in %s: set sign_in.local.enabled: true", b.cfg.Path)
	}
	return nil
}

func newAccountCommand(o *sessionOptions) *cobra.Command {
	var name string
	var roles []string
	cmd := &cobra.Command{
		Use:   "new PERSON",
		Short: "Make an account for a person, and print the link with which they choose their password",
		Long: "Make an account for a person, and print the link with which they choose their password. Roles that\n" +
			"are given here count like those that an administrator gives on a page; those of the configuration\n" +
			"(people) go before them.",
		Example: "  bereikbaar account new anouk --as els\n" +
			"  bereikbaar account new els --name 'Els Jansen' --role '*=admin' --as els",
		Args: cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			if err := b.localOnly(); err != nil {
				return err
			}
			given, err := b.roles(roles)
			if err != nil {
				return err
			}
			link, err := b.newAccount(id, name, given)
			b.onAccount("account new", id, err)
			if err != nil {
				return err
			}
			return b.printLink(link)
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "as colleagues call them")
	cmd.Flags().StringArrayVar(&roles, "role", nil, roleHelp)
	return cmd
}

// firstRun is a first-run link as it is printed.
type firstRun struct {
	Person call.AgentID `json:"person"`
	Link   string       `json:"link"`
	Until  time.Time    `json:"until"`

	roles bool // they have a role
}

// newAccount makes an account first, and grants afterwards: a command that failed grants nothing to somebody who has
// none.
func (b *session) newAccount(id call.AgentID, name string, roles map[call.TeamID]staff.Role) (firstRun, error) {
	ctx := b.cmd.Context()
	// A person signs in by their id alone, whatever their municipality.
	for m := range b.cfg.Plan.Municipalities {
		if _, there, err := b.store.Account(ctx, m, id); err != nil || there {
			if err == nil {
				err = errAccountThere
			}
			return firstRun{}, err
		}
	}
	known, err := b.store.Person(ctx, b.town.ID, id)
	if err != nil {
		return firstRun{}, err
	}
	a, token := signin.NewLink(
		signin.Account{Person: id, Municipality: b.town.ID, Made: b.now.Truncate(time.Second)}, b.now,
	)
	err = b.store.ChangeAccount(ctx, nil, &a)
	if errors.Is(err, signin.ErrChanged) {
		err = errAccountThere
	}
	if err != nil {
		return firstRun{}, err
	}
	if name != "" || len(roles) > 0 {
		p := known[staff.FromPage]
		p.ID, p.Municipality, p.Name = id, b.town.ID, cmp.Or(name, p.Name)
		all := maps.Clone(p.Roles)
		if all == nil {
			all = map[call.TeamID]staff.Role{}
		}
		maps.Copy(all, roles)
		p.Roles = all
		known[staff.FromPage] = p
		if err := b.store.SavePerson(ctx, staff.FromPage, p); err != nil {
			return firstRun{}, fmt.Errorf("the account is there, but without the name and the roles: "+
				"bereikbaar account remove, and once more: %w", err)
		}
	}
	return b.firstRun(a, token, known), nil
}

// firstRun is a link, and whether its person has a role without a provider.
func (b *session) firstRun(a signin.Account, token string, known map[staff.Source]staff.Person) firstRun {
	f := firstRun{Person: a.Person, Until: a.Until, roles: len(b.unvouched(a.Person, known).Roles) > 0}
	if b.cfg.SignIn != nil && b.cfg.SignIn.Address != nil {
		f.Link = b.cfg.SignIn.Address.JoinPath(signin.FirstRunPath(token)).String()
	}
	return f
}

// unvouched joins what is known of a person who signs in without a provider.
func (b *session) unvouched(id call.AgentID, known map[staff.Source]staff.Person) staff.Person {
	of, there := b.cfg.Person(b.town.ID, id)
	return staff.MergeUnvouched(staff.WithFile(known, of, there))
}

func (b *session) printLink(f firstRun) error {
	if !f.roles {
		b.cmd.PrintErrf("%s has no role in any team yet, and is not let in without one: add it under people in %s, "+
			"or let an administrator give it\n", f.Person, b.cfg.Path)
	}
	if b.options.asJSON {
		return printJSON(b.out(), f)
	}
	_, err := fmt.Fprintf(b.out(), "The link for %s alone. It works once, until %s:\n\n%s\n", f.Person,
		f.Until.In(b.town.Location).Format("Mon 2 Jan 15:04"), f.Link)
	return err
}

func linkCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "link PERSON",
		Short: "Print a new link for a person who lost their password or telephone",
		Long: "Print a new link for a person who lost their password or telephone. Their old password works until\n" +
			"they use the link; lock ends that at once.",
		Args: cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			if err := b.localOnly(); err != nil {
				return err
			}
			before, err := b.account(id)
			if err != nil {
				return err
			}
			known, err := b.store.Person(b.cmd.Context(), b.town.ID, before.Person)
			if err != nil {
				return err
			}
			after, token := signin.NewLink(before, b.now)
			err = b.store.ChangeAccount(b.cmd.Context(), &before, &after)
			b.onAccount("account link", before.Person, err)
			if err != nil {
				return err
			}
			return b.printLink(b.firstRun(after, token, known))
		}),
	}
}

func lockCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "lock PERSON",
		Short: "End a person's sessions and password at once; a new link unlocks the account",
		Args:  cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			const done = "is signed out everywhere and cannot sign in until they use a new link"
			return b.changed("lock", id, done, b.lock(id))
		}),
	}
}

func (b *session) lock(id call.AgentID) error {
	a, err := b.account(id)
	if err != nil {
		return err
	}
	locked := signin.Account{Person: a.Person, Municipality: a.Municipality, Made: a.Made}
	if err := b.store.ChangeAccount(b.cmd.Context(), &a, &locked); err != nil {
		return err
	}
	return b.store.SignOut(b.cmd.Context(), a.Municipality, a.Person)
}

func removeAccountCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "remove PERSON",
		Short: "Remove an account with all that pages say of its person, and end their sessions",
		Long: "Remove an account with all that pages say of its person (name, phone, roles), and end their sessions.\n" +
			"What the configuration and the provider say of them stays.",
		Args: cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			const done = "has no account any more, and no roles or phone from pages"
			return b.changed("remove", id, done, b.removeAccount(id))
		}),
	}
}

// removeAccount removes an account last: until then a command that failed can be given again. One that cannot be read
// is removed as well.
func (b *session) removeAccount(id call.AgentID) error {
	ctx, m := b.cmd.Context(), b.town.ID
	if _, err := b.account(id); err != nil && !errors.Is(err, note.ErrBroken) {
		return err
	}
	if err := b.store.SignOut(ctx, m, id); err != nil {
		return err
	}
	if err := b.store.RemovePerson(ctx, staff.FromPage, m, id); err != nil {
		return err
	}
	return b.store.RemoveAccount(ctx, m, id)
}

func signOutCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "sign-out PERSON",
		Short: "End all sessions of a person, also of one who signs in by the provider",
		Args:  cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			err := b.known(id)
			if err == nil {
				err = b.store.SignOut(b.cmd.Context(), b.town.ID, id)
			}
			return b.changed("sign-out", id, "is signed out everywhere", err)
		}),
	}
}

// known gives errNobody for a person whom nothing knows. What cannot be read is of somebody.
func (b *session) known(id call.AgentID) error {
	if _, there := b.cfg.Person(b.town.ID, id); there {
		return nil
	}
	_, err := b.account(id)
	if !errors.Is(err, errNoAccount) {
		return unlessBroken(err)
	}
	known, err := b.store.Person(b.cmd.Context(), b.town.ID, id)
	if err == nil && len(known) == 0 {
		return errNobody
	}
	return unlessBroken(err)
}

func unlessBroken(err error) error {
	if errors.Is(err, note.ErrBroken) {
		return nil
	}
	return err
}

// accountShown is an account as --json prints it.
type accountShown struct {
	Person   call.AgentID               `json:"person"`
	Name     string                     `json:"name,omitempty"`
	Roles    map[call.TeamID]staff.Role `json:"roles"`
	Made     time.Time                  `json:"made"`
	Password bool                       `json:"password"` // they have chosen one
	Code     bool                       `json:"code"`     // they have set up an authenticator
	Link     *time.Time                 `json:"link,omitempty"`
}

func listAccountsCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the accounts, and whether they are set up",
		Args:  cobra.NoArgs,
		RunE: withNotes(o, func(b *session, _ []string) error {
			accounts, err := b.store.Accounts(b.cmd.Context(), b.town.ID)
			if err != nil && len(accounts) == 0 {
				return err
			}
			people, unread := b.store.People(b.cmd.Context(), b.town.ID)
			shown := make([]accountShown, len(accounts))
			for i, a := range accounts {
				shown[i] = b.shown(a, people[a.Person])
			}
			b.written("access to accounts", "account list", "count", len(accounts))
			if b.options.asJSON {
				return errors.Join(printJSON(b.out(), shown), err, unread)
			}
			table := tabwriter.NewWriter(b.out(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "PERSON\tNAME\tROLES\tSTATE")
			for _, a := range shown {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Person, a.Name, rolesText(a.Roles), b.state(a))
			}
			return errors.Join(table.Flush(), err, unread)
		}),
	}
}

func (b *session) shown(a signin.Account, known map[staff.Source]staff.Person) accountShown {
	p := b.unvouched(a.Person, known)
	shown := accountShown{
		Person: a.Person, Name: p.Name, Roles: p.Roles, Made: a.Made, Password: a.Password != "", Code: a.Secret != "",
	}
	if a.Link != "" {
		shown.Link = &a.Until
	}
	return shown
}

func (b *session) state(a accountShown) string {
	switch {
	case a.Link != nil && !b.now.Before(*a.Link):
		return "the link has expired"
	case a.Link != nil:
		return "the link works until " + a.Link.In(b.town.Location).Format("Mon 2 Jan 15:04")
	case !a.Password:
		return "locked"
	case !a.Code:
		return "set up, without codes"
	}
	return "set up"
}
