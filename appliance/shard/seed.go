package shard

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"penstock/segstore/disk"
)

// routingSeed reads the seed of the routing hash, making one at the first start, at random unless somebody says how. Should the file be lost, a new one is made: a key's
// records may then go to another shard than before, nothing else.
func routingSeed(d disk.Disk, dir string, first func() (uint64, error)) (uint64, error) {
	path := filepath.Join(dir, "routing-seed")
	text, err := disk.ReadWhole(d, path, 1<<10)
	if err == nil {
		raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(raw) != 8 {
			return 0, fmt.Errorf("%s should hold 16 hex digits: put the right ones back, or remove the file to route by a new seed", path)
		}
		return binary.BigEndian.Uint64(raw), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if first == nil {
		first = randomSeed
	}
	seed, err := first()
	if err != nil {
		return 0, err
	}
	raw := binary.BigEndian.AppendUint64(nil, seed)
	if err := errors.Join(disk.WriteWhole(d, path, []byte(hex.EncodeToString(raw)+"\n")), d.SyncDir(dir)); err != nil {
		return 0, err
	}
	return seed, nil
}

func randomSeed() (uint64, error) {
	var raw [8]byte
	_, err := rand.Read(raw[:])
	return binary.BigEndian.Uint64(raw[:]), err
}
