package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
)

// Account gives the local account of a person, see signin.Accounts.
func (s *Store) Account(ctx context.Context, m call.MunicipalityID, id call.AgentID) (signin.Account, bool, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).accounts()
	stored, err := s.client.HGet(ctx, key, string(id)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return signin.Account{}, false, nil
	case err != nil:
		return signin.Account{}, false, s.unread(key, err)
	}
	a, err := signin.DecodeAccount(m, id, stored)
	if err != nil {
		return signin.Account{}, false, s.broken(key, err)
	}
	return a, true, nil
}

// Accounts gives the local accounts by person, see signin.Accounts.
func (s *Store) Accounts(ctx context.Context, m call.MunicipalityID) ([]signin.Account, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).accounts()
	stored, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, s.unread(key, err)
	}
	var accounts []signin.Account
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		if !signin.ValidID(call.AgentID(id)) {
			s.faults.add(key, id, junkFault("a field", id, "no person"))
			continue
		}
		a, err := signin.DecodeAccount(m, call.AgentID(id), stored[id])
		if err != nil {
			problems = append(problems, s.broken(key, err))
			continue
		}
		accounts = append(accounts, a)
	}
	return accounts, incomplete(problems)
}

//go:embed account.lua
var accountSource string

var accountScript = redis.NewScript(accountSource)

// ChangeAccount replaces an account that is as it was seen, see signin.Accounts. A repeat after a lost reply says that
// it was changed: it cannot be told from somebody else who showed the same code or link.
func (s *Store) ChangeAccount(ctx context.Context, before, after *signin.Account) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	was := ""
	if before != nil {
		was = signin.EncodeAccount(*before)
	}
	if before != nil && (before.Person != after.Person || before.Municipality != after.Municipality) {
		return errors.New("a change of two accounts")
	}
	key := keysOf(after.Municipality).accounts()
	args := []any{string(after.Person), was, signin.EncodeAccount(*after)}
	reply, err := s.run(ctx, accountScript, []string{key}, args)
	switch {
	case err != nil:
		return down("change an account", err)
	case reply[0] == "broken":
		return s.broken(key, fmt.Errorf("has the wrong type: %w", note.ErrBroken))
	case reply[0] == "changed":
		return signin.ErrChanged
	}
	return nil
}

// RemoveAccount removes an account, see signin.Accounts.
func (s *Store) RemoveAccount(ctx context.Context, m call.MunicipalityID, id call.AgentID) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.HDel(ctx, keysOf(m).accounts(), string(id)).Err(); err != nil {
		return down("remove an account", err)
	}
	return nil
}

// SignedOut gives how often a person was signed out everywhere, see signin.SignOuts.
func (s *Store) SignedOut(ctx context.Context, m call.MunicipalityID, id call.AgentID) (int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).signedOut()
	stored, err := s.client.HGet(ctx, key, string(id)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return 0, nil
	case err != nil:
		return 0, s.unread(key, err)
	}
	count, err := strconv.ParseInt(stored, 10, 64)
	if err != nil {
		return 0, s.broken(key, &note.FieldError{Field: string(id), Problem: "is not a count"})
	}
	return count, nil
}

// SignOut signs a person out everywhere, see signin.SignOuts.
func (s *Store) SignOut(ctx context.Context, m call.MunicipalityID, id call.AgentID) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.HIncrBy(ctx, keysOf(m).signedOut(), string(id), 1).Err(); err != nil {
		return down("sign a person out", err)
	}
	return nil
}
