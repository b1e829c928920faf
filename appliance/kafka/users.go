package kafka

import (
	"context"
	"crypto/sha256"
	"slices"

	"penstock/appliance/kafka/scram"
)

// User is one who may log in.
type User struct {
	Verifiers []scram.Verifier // of the password, one for each mechanism that the user may take
	May       Right
}

// users is who may log in. Whoever asks for one who is not there is treated as for one who is, with a sham verifier.
type users struct {
	byName map[string]User
	hashes []scram.Hash   // of the mechanisms that anybody has a verifier for
	sham   scram.Verifier // what a sham one looks like: whose rounds and salt it has
	secret []byte         // of the sham ones; the same after a restart, as the real ones are
	trying chan struct{}  // a password is tried by one at a time: guessing costs one core at most
}

// newUsers returns nil where there are none.
func newUsers(all map[string]User) *users {
	if len(all) == 0 {
		return nil
	}
	u := &users{byName: all, trying: make(chan struct{}, 1)}
	var texts []string
	for name, user := range all {
		for i := range user.Verifiers {
			v := &user.Verifiers[i]
			texts = append(texts, name+" "+v.String())
			if !slices.Contains(u.hashes, v.Hash) {
				u.hashes = append(u.hashes, v.Hash)
			}
			if v.Rounds > u.sham.Rounds {
				u.sham = *v
			}
		}
	}
	slices.Sort(u.hashes)
	slices.Sort(texts)
	sum := sha256.New()
	for _, text := range texts {
		sum.Write([]byte(text))
	}
	u.secret = sum.Sum(nil)
	return u
}

// verifier finds a user's verifier for a mechanism.
func (u *users) verifier(h scram.Hash, name string) (v scram.Verifier, known bool) {
	for _, v := range u.byName[name].Verifiers {
		if v.Hash == h {
			return v, true
		}
	}
	return scram.Sham(h, name, u.secret, u.sham.Rounds, len(u.sham.Salt)), false
}

// password reports whether a user has that password; whether or not there is such a user, it takes as long.
func (u *users) password(ctx context.Context, name string, password []byte) bool {
	select {
	case u.trying <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-u.trying }()
	known := true
	v := scram.Verifier{}
	if all := u.byName[name].Verifiers; len(all) > 0 {
		v = all[0]
	} else {
		v, known = u.verifier(u.sham.Hash, name)
	}
	return v.Is(password) && known
}
