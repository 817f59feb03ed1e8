package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/atomicfile"
)

// A chunk holds about zarrChunkBytes of samples before compression: whole frames, at least one.
const (
	zarrChunkBytes = 4 << 20
	zarrLevel      = 5
)

// zarrGroup and zarrArray are the metadata documents of Zarr's core specification, version 3 (zarr.json), with its codecs bytes (little
// endian) and gzip.
type zarrGroup struct {
	Format     int            `json:"zarr_format"`
	NodeType   string         `json:"node_type"`
	Attributes map[string]any `json:"attributes"`
}

type zarrArray struct {
	Format     int         `json:"zarr_format"`
	NodeType   string      `json:"node_type"`
	Shape      []int       `json:"shape"`
	DataType   string      `json:"data_type"`
	Grid       zarrNamed   `json:"chunk_grid"`
	Keys       zarrNamed   `json:"chunk_key_encoding"`
	Fill       int         `json:"fill_value"`
	Codecs     []zarrNamed `json:"codecs"`
	Dimensions []string    `json:"dimension_names"`
	Attributes item        `json:"attributes"`
}

type zarrNamed struct {
	Name   string         `json:"name"`
	Config map[string]any `json:"configuration,omitempty"`
}

// writeZarr writes the array of one item into folder: chunks first, the metadata that makes them an array last.
func writeZarr(folder string, c *clip.Clip, it item) (names []string, err error) {
	frame := c.FrameBytes()
	per := min(max(1, zarrChunkBytes/frame), c.T)
	shape, chunk, dims, key := []int{c.T, c.H, c.W, c.C}, []int{per, c.H, c.W, c.C}, []string{"t", "y", "x", "c"}, "c/%d/0/0/0"
	if c.C == 1 {
		shape, chunk, dims, key = shape[:3], chunk[:3], dims[:3], "c/%d/0/0"
	}
	for k := 0; k*per < c.T; k++ {
		// The last chunk is padded with the fill value to the full size, as the specification wants.
		part := clip.New(c.DType, per, c.H, c.W, c.C)
		copy(part.Data, c.Data[k*per*frame:min((k+1)*per, c.T)*frame])
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, zarrLevel)
		if err != nil {
			return nil, err
		}
		if err := part.WriteLittle(z); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		name := fmt.Sprintf(key, k)
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := atomicfile.WriteBytes(path, b.Bytes()); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	meta := zarrArray{
		Format: 3, NodeType: "array", Shape: shape, DataType: c.DType.String(),
		Grid:   zarrNamed{"regular", map[string]any{"chunk_shape": chunk}},
		Keys:   zarrNamed{"default", map[string]any{"separator": "/"}},
		Codecs: []zarrNamed{{"bytes", map[string]any{"endian": "little"}}, {"gzip", map[string]any{"level": zarrLevel}}}, Dimensions: dims, Attributes: it,
	}
	if c.DType.Size() == 1 {
		meta.Codecs[0].Config = nil
	}
	return append(names, "zarr.json"), writeJSON(filepath.Join(folder, "zarr.json"), meta)
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(b, '\n'))
}
