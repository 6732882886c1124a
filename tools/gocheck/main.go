// gocheck is a verifier that shares no code with Plimsoll: it reads a log of the C2SP tlog-tiles
// layout from a folder with the packages note and tlog of golang.org/x/mod, in the copy that the
// Go toolchain carries for its own checksum database.
//
//	gocheck log FOLDER VKEY [OLDER-CHECKPOINT]
//	gocheck notes FOLDER
//
// log checks everything: signature, tree, all entries, inclusion of some, consistency with earlier
// sizes and with an older checkpoint. notes says of each FOLDER/*.note whether the key in the file
// beside it opens it. Exit code 0 is yes, 1 is no.
package main

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder serves tiles out of files.
type folder string

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		if data[i], err = f.read(tile); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// read maps the paths of Go, tile/8/... and tile/8/data/..., to those of tlog-tiles.
func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(strings.TrimPrefix(tile.Path(), "tile/8/"), "data/", "entries/", 1)
	return os.ReadFile(filepath.Join(string(f), "tile", path))
}

// entries splits the bundle into its entries, each after its length in two bytes.
func (f folder) entries(index, size int64) ([][]byte, error) {
	data, err := f.read(tlog.Tile{H: 8, L: -1, N: index, W: int(min(size-index*256, 256))})
	var entries [][]byte
	for err == nil && len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d ends within an entry", index)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, data[2:end]), data[end:]
	}
	return entries, err
}

func checkpoint(path string, verifier note.Verifier) (tree tlog.Tree, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	// A checkpoint of Go begins with its own constant where tlog-checkpoint has the origin.
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		return tree, fmt.Errorf("the checkpoint is of another log")
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

func checkLog(f folder, vkey string, older []string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	tree, err := checkpoint(filepath.Join(string(f), "checkpoint"), verifier)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, f)
	if root, err := tlog.TreeHash(tree.N, reader); err != nil || root != tree.Hash {
		return fmt.Errorf("the tiles do not give the root: %v", err)
	}
	for index := int64(0); index*256 < tree.N; index++ {
		if err := checkEntries(f, reader, index, tree.N); err != nil {
			return err
		}
	}
	earlier := []tlog.Tree{}
	for i := 0; i < 50; i++ {
		n := rand.Int63n(tree.N)
		if err := checkInclusion(reader, tree, n); err != nil {
			return fmt.Errorf("inclusion of %d: %w", n, err)
		}
		root, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			return err
		}
		earlier = append(earlier, tlog.Tree{N: n + 1, Hash: root})
	}
	for _, path := range older {
		old, err := checkpoint(path, verifier)
		if err != nil {
			return err
		}
		earlier = append(earlier, old)
	}
	for _, old := range earlier {
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			return fmt.Errorf("consistency with size %d: %w", old.N, err)
		}
	}
	return nil
}

func checkEntries(f folder, reader tlog.HashReader, index, size int64) error {
	entries, err := f.entries(index, size)
	if err != nil {
		return err
	}
	if int64(len(entries)) != min(size-index*256, 256) {
		return fmt.Errorf("bundle %d has %d entries", index, len(entries))
	}
	places := make([]int64, len(entries))
	for i := range entries {
		places[i] = tlog.StoredHashIndex(0, index*256+int64(i))
	}
	hashes, err := reader.ReadHashes(places)
	for i := 0; err == nil && i < len(entries); i++ {
		if tlog.RecordHash(entries[i]) != hashes[i] {
			err = fmt.Errorf("entry %d is not the one in the tree", index*256+int64(i))
		}
	}
	return err
}

func checkInclusion(reader tlog.HashReader, tree tlog.Tree, n int64) error {
	proof, err := tlog.ProveRecord(tree.N, n, reader)
	if err != nil {
		return err
	}
	leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf[0])
}

func checkNotes(folder string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.note"))
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		vkey, err := os.ReadFile(strings.TrimSuffix(path, ".note") + ".vkey")
		if err != nil {
			return err
		}
		verifier, err := note.NewVerifier(string(vkey))
		if err == nil {
			_, err = note.Open(data, note.VerifierList(verifier))
		}
		fmt.Println(filepath.Base(path), err == nil)
	}
	return err
}

func main() {
	err := fmt.Errorf("usage: gocheck log FOLDER VKEY [OLDER-CHECKPOINT] | gocheck notes FOLDER")
	if len(os.Args) >= 4 && os.Args[1] == "log" {
		err = checkLog(folder(os.Args[2]), os.Args[3], os.Args[4:])
	} else if len(os.Args) == 3 && os.Args[1] == "notes" {
		err = checkNotes(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
