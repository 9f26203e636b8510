package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// renamed is the same key under another name: shards of a log have one.
func renamed(vkey, name string) string {
	key := vkey[strings.Index(vkey, "+")+10:]
	data, _ := base64.StdEncoding.DecodeString(key)
	sum := sha256.Sum256(append([]byte(name+"\n"), data...))
	return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]), key)
}

// shardKey is the key of the shard in dir: its name is the checkpoint's first line, of the same log.
func shardKey(dir, vkey string) (string, error) {
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	name := strings.SplitN(string(signed), "\n", 2)[0]
	mine := vkey[:strings.Index(vkey, "+")]
	if name[:strings.LastIndex(name, "/")+1] != mine[:strings.LastIndex(mine, "/")+1] {
		return "", fmt.Errorf("%s is not of the log of %s", name, mine)
	}
	return renamed(vkey, name), nil
}

// link opens the signed checkpoint in the first entry of a shard: what follows the fields that every
// leaf has, behind its length.
func link(dir, formerKey string, size int64) (tlog.Tree, error) {
	first, err := folder{dir}.entries(0, size)
	if err != nil {
		return tlog.Tree{}, err
	}
	rest := first[0][1:]
	for i := 0; i < 2; i++ { // log and producer
		rest = rest[1+int(rest[0]):]
	}
	if rest[16] != 3 {
		return tlog.Tree{}, fmt.Errorf("%s: begins with a leaf of class %d", dir, rest[16])
	}
	verifier, err := note.NewVerifier(formerKey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(rest[17+48+2:], note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	return parse(opened.Text, verifier.Name())
}

func chained(dirs []string, vkey string) (string, error) {
	var said []string
	var former tlog.Tree
	var formerKey string
	for i, dir := range dirs {
		key, err := shardKey(dir, vkey)
		if err != nil {
			return "", err
		}
		tree, err := verify(dir, key)
		if err != nil {
			return "", fmt.Errorf("%s: %w", dir, err)
		}
		if i > 0 {
			linked, err := link(dir, formerKey, tree.N)
			if err != nil {
				return "", err
			}
			if linked != former {
				return "", fmt.Errorf("%s: links to another tree", dir)
			}
		}
		former, formerKey = tree, key
		said = append(said, fmt.Sprintf("sound: %d entries", tree.N))
	}
	return strings.Join(said, "\n"), nil
}
