// Command audit_go is a second reader of the audit log, by other people's code: it checks the
// checkpoint of an exported tlog-tiles folder and the inclusion of every entry with
// golang.org/x/mod/sumdb/{note,tlog}, and that each older size is a beginning of the tree.
//
//	audit_go DIR VKEY
//	audit_go --chain DIR... VKEY  shards that follow each other (chain.go)
//	audit_go --proof FILE VKEY    one entry (proof.go)
//	audit_go --consistency FILE ROOT VKEY    what /consistency answers (consistency.go)
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// folder reads tiles by the names of c2sp.org/tlog-tiles, which lack x/mod's height.
type folder struct{ dir string }

func (folder) Height() int { return tileHeight }

func (folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		name = strings.Replace(name, "tile/data/", "tile/entries/", 1)
		content, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// entries reads bundle n of a tree.
func (f folder) entries(n, size int64) ([][]byte, error) {
	width := size - n<<tileHeight
	if width > 1<<tileHeight {
		width = 1 << tileHeight
	}
	bundle, err := f.ReadTiles([]tlog.Tile{{H: tileHeight, L: -1, N: n, W: int(width)}})
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for rest := bundle[0]; len(rest) > 0; {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return nil, fmt.Errorf("bundle %d: cut", n)
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		found, rest = append(found, rest[2:end]), rest[end:]
	}
	if len(found) != int(width) {
		return nil, fmt.Errorf("bundle %d: %d entries where %d belong", n, len(found), width)
	}
	return found, nil
}

func verify(dir, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := parse(opened.Text, verifier.Name())
	if err != nil {
		return tree, err
	}
	f := folder{dir}
	hashes := tlog.TileHashReader(tree, f)
	for n := int64(0); n<<tileHeight < tree.N; n++ {
		entries, err := f.entries(n, tree.N)
		if err != nil {
			return tree, err
		}
		for i, entry := range entries {
			index := n<<tileHeight + int64(i)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return tree, err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return tree, fmt.Errorf("entry %d: %w", index, err)
			}
		}
	}
	return tree, extends(tree, hashes)
}

// parse reads the three lines; x/mod's own ParseTree wants the Go checksum database's first line.
func parse(text, origin string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", origin)
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + lines[1] + "\n" + lines[2] + "\n"))
}

func extends(tree tlog.Tree, hashes tlog.HashReader) error {
	for size := int64(1); size < tree.N; size = size*2 + 1 {
		older, err := tlog.TreeHash(size, hashes)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, older); err != nil {
			return fmt.Errorf("size %d: %w", size, err)
		}
	}
	return nil
}

func main() {
	var said string
	var err error
	switch {
	case len(os.Args) == 3:
		var tree tlog.Tree
		tree, err = verify(os.Args[1], os.Args[2])
		said = fmt.Sprintf("sound: %d entries", tree.N)
	case len(os.Args) > 3 && os.Args[1] == "--chain":
		said, err = chained(os.Args[2:len(os.Args)-1], os.Args[len(os.Args)-1])
	case len(os.Args) == 4 && os.Args[1] == "--proof":
		var index int64
		index, err = proved(os.Args[2], os.Args[3])
		said = fmt.Sprintf("proved: entry %d", index)
	case len(os.Args) == 5 && os.Args[1] == "--consistency":
		said, err = extended(os.Args[2], os.Args[3], os.Args[4])
	default:
		fmt.Fprintln(os.Stderr, "usage: audit_go DIR VKEY\n       audit_go --chain DIR... VKEY\n       audit_go --proof FILE VKEY\n       audit_go --consistency FILE ROOT VKEY")
		os.Exit(2)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(said)
}
