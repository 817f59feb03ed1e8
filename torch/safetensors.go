package torch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// The safetensors format (github.com/huggingface/safetensors): an unsigned 64-bit little-endian length, a JSON header of that many
// bytes that gives each tensor's type, shape and place, and the tensors' bytes, which the places cover without gap or overlap.

const (
	safeMetadata  = "__metadata__"
	safeMaxHeader = 100 << 20 // the reference implementation's own limit
)

type safeEntry struct {
	DType   string    `json:"dtype"`
	Shape   []int64   `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// ReadSafetensors reads a safetensors file and the metadata in its header. A malformed file is an Input error.
func ReadSafetensors(path string) (map[string]Array, map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, openFault(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	tensors, metadata, err := readSafetensors(f, info.Size())
	if err != nil {
		return nil, nil, fault.New(fault.Input, "reading %s: %w", path, err)
	}
	return tensors, metadata, nil
}

func openFault(err error) error {
	if os.IsNotExist(err) {
		return fault.New(fault.NotFound, "%w", err)
	}
	return fault.New(fault.Input, "%w", err)
}

func readSafetensors(r io.ReaderAt, size int64) (map[string]Array, map[string]string, error) {
	var prefix [8]byte
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, nil, fmt.Errorf("no header length: %w", err)
	}
	headerSize := binary.LittleEndian.Uint64(prefix[:])
	if headerSize > safeMaxHeader || int64(headerSize) > size-8 {
		return nil, nil, fmt.Errorf("a header of %d bytes does not fit a file of %d", headerSize, size)
	}
	header := make([]byte, headerSize)
	if _, err := r.ReadAt(header, 8); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	entries, metadata, err := parseSafeHeader(header)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	data := io.NewSectionReader(r, 8+int64(headerSize), size-8-int64(headerSize))
	if err := checkSafePlaces(entries, data.Size()); err != nil {
		return nil, nil, err
	}
	tensors := make(map[string]Array, len(entries))
	for name, entry := range entries {
		a := Array{DType: safeDType(entry.DType), Shape: entry.Shape, Data: make([]byte, entry.Offsets[1]-entry.Offsets[0])}
		if a.DType.Size() == 0 {
			return nil, nil, fmt.Errorf("tensor %q: element type %q is not supported", name, entry.DType)
		}
		if _, err := data.ReadAt(a.Data, entry.Offsets[0]); err != nil && len(a.Data) > 0 {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if err := a.check(); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors[name] = a
	}
	return tensors, metadata, nil
}

// parseSafeHeader reads the header key by key, so that a name that occurs twice is seen.
func parseSafeHeader(header []byte) (map[string]safeEntry, map[string]string, error) {
	entries, metadata := map[string]safeEntry{}, map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(header))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, fmt.Errorf("not a JSON object (%v)", err)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		name := tok.(string) // keys of objects are strings
		if name == safeMetadata {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		if _, twice := entries[name]; twice {
			return nil, nil, fmt.Errorf("tensor %q occurs twice", name)
		}
		var entry safeEntry
		if err := dec.Decode(&entry); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if entry.Offsets == nil || entry.Shape == nil {
			return nil, nil, fmt.Errorf("tensor %q has no shape or no data_offsets", name)
		}
		entries[name] = entry
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("not closed: %w", err)
	}
	return entries, metadata, nil
}

// checkSafePlaces verifies that the tensors' places cover the data exactly.
func checkSafePlaces(entries map[string]safeEntry, size int64) error {
	places := make([][2]int64, 0, len(entries))
	for _, e := range entries {
		places = append(places, *e.Offsets)
	}
	slices.SortFunc(places, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	end := int64(0)
	for _, p := range places {
		if p[0] != end || p[1] < p[0] {
			return fmt.Errorf("tensors overlap or leave a gap at byte %d of the data", end)
		}
		end = p[1]
	}
	if end != size {
		return fmt.Errorf("the tensors cover %d bytes of data, the file has %d", end, size)
	}
	return nil
}

func safeDType(name string) DType {
	for d, info := range dtypes {
		if info.safe == name {
			return d
		}
	}
	return -1
}

// WriteSafetensors writes a safetensors file that every implementation reads. Equal content gives equal bytes. The file appears
// under its name only when it is whole and on disk.
func WriteSafetensors(path string, tensors map[string]Array, metadata map[string]string) error {
	return writeAtomically(path, func(w io.Writer) error { return writeSafetensors(w, tensors, metadata) })
}

func writeSafetensors(w io.Writer, tensors map[string]Array, metadata map[string]string) error {
	names := sortedKeys(tensors)
	// Wider elements come first, so that each tensor's place is aligned to its elements.
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(tensors[b].DType.Size(), tensors[a].DType.Size())
	})
	header := bytes.NewBufferString("{")
	put := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if header.Len() > 1 {
			header.WriteByte(',')
		}
		header.Write(k)
		header.WriteByte(':')
		header.Write(v)
		return nil
	}
	if len(metadata) > 0 {
		if err := put(safeMetadata, metadata); err != nil {
			return err
		}
	}
	end := int64(0)
	for _, name := range names {
		a := tensors[name]
		if name == safeMetadata {
			return fmt.Errorf("a tensor cannot be named %q", name)
		}
		if err := a.check(); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		shape := a.Shape
		if shape == nil {
			shape = []int64{}
		}
		place := [2]int64{end, end + int64(len(a.Data))}
		if err := put(name, safeEntry{dtypes[a.DType].safe, shape, &place}); err != nil {
			return err
		}
		end = place[1]
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(header.Len()))); err != nil {
		return err
	}
	if _, err := w.Write(header.Bytes()); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := w.Write(tensors[name].Data); err != nil {
			return err
		}
	}
	return nil
}
