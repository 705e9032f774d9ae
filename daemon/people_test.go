package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
)

// phoneBook is an exchange that has some phones.
type phoneBook struct {
	names []string
	away  error
}

func (b phoneBook) Endpoint(_ context.Context, name string) (asterisk.Endpoint, error) {
	if b.away != nil {
		return asterisk.Endpoint{}, b.away
	}
	for _, has := range b.names {
		if has == name {
			return asterisk.Endpoint{}, nil
		}
	}
	return asterisk.Endpoint{}, &asterisk.CommandError{Status: http.StatusNotFound}
}

// A page must not make the switch dial: what somebody sets as their phone is one of Asterisk's own, and nobody else's.
func TestThePhoneThatSomebodySetsIsAColleaguesOwn(t *testing.T) {
	office := atTheOffice(t)
	d := daemonWith(
		t, slog.New(slog.DiscardHandler), office.RedisLine(),
		"callbacks: {dial: \"PJSIP/{number}@trunk\", phones: [desk*, nowhere, kcc1, trunk, pbx]}",
		"people: {anouk: {phone: PJSIP/20@pbx}, teun: {roles: {kcc: agent}}}",
	)
	book := &phoneBook{names: []string{
		"PJSIP/desk9", "PJSIP/trunk", "PJSIP/kcc1", "PJSIP/pbx", "PJSIP/desk8", "PJSIP/bereikbaar-replaces",
	}}
	d.people.exchange = book
	sets := func(id call.AgentID, phone string) error {
		return d.people.Change(t.Context(), "deventer", id, func(p *staff.Person) error {
			p.Phone = phone
			return nil
		})
	}
	of := func(id call.AgentID) string {
		phone, err := d.people.phone(t.Context(), "deventer", id)
		require.NoError(t, err)
		return phone
	}
	require.Equal(t, "PJSIP/kcc1", of("kcc1"), "the configuration's own")
	require.Equal(t, "PJSIP/20@pbx", of("anouk"), "the configuration may name an extension of another exchange")
	require.Empty(t, of("teun"))
	require.NoError(t, sets("teun", "PJSIP/desk9"))
	require.Equal(t, "PJSIP/desk9", of("teun"))
	for phone, want := range map[string]error{
		"PJSIP/0900123456@trunk":      staff.ErrPhone,
		"PJSIP/trunk/sip:0900@x":      staff.ErrPhone,
		"Local/0900123456@from-phone": staff.ErrPhone,
		"PJSIP/trunk":                 staff.ErrPhone,
		"PJSIP/nowhere":               staff.ErrPhone,
		"PJSIP/bereikbaar-replaces":   staff.ErrPhone,
		"PJSIP/pbx":                   staff.ErrPhone,
		"PJSIP/kcc1":                  staff.ErrPhoneTaken,
		"PJSIP/desk9":                 staff.ErrPhoneTaken,
	} {
		require.ErrorIs(t, sets("els", phone), want, phone)
		require.Empty(t, of("els"), phone)
	}
	book.away = errors.New("no link")
	require.ErrorIs(t, sets("els", "PJSIP/desk8"), staff.ErrPhoneUnasked)
	require.NoError(t, sets("teun", "PJSIP/desk9"), "what does not change is not asked about")

	stored := staff.Person{ID: "els", Municipality: "deventer", Phone: "PJSIP/0900123456@trunk"}
	require.NoError(t, d.store.SavePerson(t.Context(), staff.FromPage, stored))
	require.Empty(t, of("els"), "what stands in Redis is checked, too")

	all, err := d.people.People(t.Context(), "deventer")
	require.NoError(t, err)
	require.Equal(t, "PJSIP/desk9", staff.Merge(all["teun"]).Phone)
	require.Equal(t, staff.Agent, staff.Merge(all["teun"]).Roles["kcc"])
	require.Contains(t, all, call.AgentID("kcc1"), "agents without more")
	require.NoError(t, d.people.Forget(t.Context(), "deventer", "teun"))
	require.Empty(t, of("teun"))
}
