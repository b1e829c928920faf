package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"penstock/wire"
)

// Key lets a tenant in. Only the key's SHA-256 is known here: keys are random and long, so nothing slower is needed against guessing.
type Key struct {
	Tenant string
	Sum    [sha256.Size]byte
	Wires  []string // where it holds; empty = on every wire that has keys
}

// keys is who may send what. A wire without a single key is open to everybody who reaches the port.
type keys struct {
	byFormat [][]heldKey
}

type heldKey struct {
	tenant []byte
	sum    [sha256.Size]byte
}

func newKeys(all []Key, formats []wire.Format) (*keys, error) {
	k := &keys{byFormat: make([][]heldKey, len(formats))}
	for _, key := range all {
		for _, name := range key.Wires {
			i := slices.IndexFunc(formats, func(f wire.Format) bool { return f.Name == name })
			if i < 0 || !takesKeys(&formats[i]) {
				return nil, fmt.Errorf("tenants: %s has a key for %s, which is no wire that has keys: choose from %s", key.Tenant, name, strings.Join(keyed(formats), ", "))
			}
		}
		for i := range formats {
			if takesKeys(&formats[i]) && (len(key.Wires) == 0 || slices.Contains(key.Wires, formats[i].Name)) {
				k.byFormat[i] = append(k.byFormat[i], heldKey{[]byte(key.Tenant), key.Sum})
			}
		}
	}
	return k, nil
}

// keyed is the names of the wires that have keys.
func keyed(formats []wire.Format) (names []string) {
	for i := range formats {
		if takesKeys(&formats[i]) {
			names = append(names, formats[i].Name)
		}
	}
	return names
}

func takesKeys(f *wire.Format) bool {
	return slices.ContainsFunc(f.Routes, func(r wire.Route) bool { return r.Key != nil })
}

// admit finds the tenant whose key a request carries, or why it is not let in. A route that asks for no key, and a wire that has
// none, let everybody in, as nobody's.
//
// Every key of the wire is compared, each in constant time: how long it takes says nothing about how near a guess came.
func (k *keys) admit(r *route, req *wire.Request) (tenant []byte, code wire.Code) {
	if r.Key == nil || len(k.byFormat[r.format]) == 0 {
		return nil, wire.OK
	}
	key := r.Key(req)
	if len(key) == 0 {
		return nil, wire.NoKey
	}
	sum := sha256.Sum256(key)
	found := -1
	for i := range k.byFormat[r.format] {
		same := subtle.ConstantTimeCompare(sum[:], k.byFormat[r.format][i].sum[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil, wire.BadKey
	}
	return k.byFormat[r.format][found].tenant, wire.OK
}
