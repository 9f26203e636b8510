package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// extended checks what /consistency has answered: the signed tree begins with the one of so many
// entries that has this root.
func extended(file, root, vkey string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	answer, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	older, err := tlog.ParseHash(root)
	if err != nil {
		return "", err
	}
	head, signed, _ := strings.Cut(string(answer), "\n\n")
	lines := strings.Split(head, "\n")
	var size int64
	if _, err := fmt.Sscanf(lines[0], "old %d", &size); err != nil {
		return "", err
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return "", err
		}
		proof = append(proof, hash)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	tree, err := parse(opened.Text, verifier.Name())
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("extends: %d entries to %d", size, tree.N)
	return said, tlog.CheckTree(proof, tree.N, tree.Hash, size, older)
}
