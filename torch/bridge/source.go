package bridge

import (
	"crypto/sha256"
	"embed"
	"io/fs"
)

//go:embed cpp
var source embed.FS

// mainFile is the translation unit; the others are included by it.
const mainFile = "bridge.cpp"

// sourceFiles are the bridge's files by name.
func sourceFiles() map[string][]byte {
	files := map[string][]byte{}
	entries, err := fs.ReadDir(source, "cpp")
	if err != nil {
		panic(err) // embedded at build time: cannot be absent
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(source, "cpp/"+entry.Name())
		if err != nil {
			panic(err)
		}
		files[entry.Name()] = text
	}
	return files
}

// sourceDigest changes whenever any byte of the bridge's source does.
func sourceDigest() []byte {
	h := sha256.New()
	entries, _ := fs.ReadDir(source, "cpp") // sorted by name
	files := sourceFiles()
	for _, entry := range entries {
		h.Write([]byte(entry.Name()))
		h.Write([]byte{0})
		h.Write(files[entry.Name()])
	}
	return h.Sum(nil)
}
