package cohort

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"

	"github.com/cineloop/cineloop/clip"
)

// A shard is a file of records, one a clip, after the shard's magic. All numbers are little endian, and all parts begin at multiples of
// 64 bytes, so that samples can be used where they lie.
//
//	head    "clip", uint32 length of the meta data, uint64 length of the samples, the key (32 bytes), 12 zeros, CRC-32C of the 60 bytes before
//	meta    JSON of the clip without its samples, padded with zeros
//	samples padded with zeros
//	tail    CRC-32C of meta and samples with their padding, then zeros up to 64
const (
	shardMagic = "cineloop-shard-1\n"
	recordHead = 64
	recordTail = 64
	recordMark = "clip"

	maxMeta = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errPartial is a record that is not all there yet, or never will be because its writer died.
var errPartial = errors.New("the record is not complete")

func padded(n int64) int64 { return (n + 63) &^ 63 }

// recordInfo is a record's head.
type recordInfo struct {
	key  sourceKey
	meta int64
	data int64
}

// size of the whole record in the file.
func (r recordInfo) size() int64 { return recordHead + padded(r.meta) + padded(r.data) + recordTail }

// parseHead reads a record's head. room is how many bytes the file has from its first byte on.
func parseHead(b []byte, room int64) (r recordInfo, err error) {
	if len(b) < recordHead || room < recordHead {
		return r, errPartial
	}
	b = b[:recordHead]
	if string(b[:4]) != recordMark || binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return r, errors.New("not a record")
	}
	r.meta = int64(binary.LittleEndian.Uint32(b[4:]))
	n := binary.LittleEndian.Uint64(b[8:])
	copy(r.key[:], b[16:48])
	if r.meta > maxMeta || n > 1<<50 {
		return r, errors.New("a record of impossible size")
	}
	r.data = int64(n)
	if r.size() > room {
		return r, errPartial
	}
	return r, nil
}

// appendRecord appends the record of c to b.
func appendRecord(b []byte, key sourceKey, c *clip.Clip) ([]byte, error) {
	meta := *c
	meta.Data = nil
	js, err := json.Marshal(meta)
	if err != nil {
		return b, err
	}
	if len(js) > maxMeta {
		return b, errors.New("the meta data are too large to be kept")
	}
	start := len(b)
	b = append(b, recordMark...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(js)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(c.Data)))
	b = append(b, key[:]...)
	b = append(b, make([]byte, 12)...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	body := len(b)
	b = append(b, js...)
	b = append(b, make([]byte, padded(int64(len(js)))-int64(len(js)))...)
	b = append(b, c.Data...)
	b = append(b, make([]byte, padded(int64(len(c.Data)))-int64(len(c.Data)))...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[body:], castagnoli))
	return append(b, make([]byte, recordTail-4)...), nil
}

// parseRecord is the clip of a whole record, whose samples are those of b. The checksum is compared unless the record was just written.
func parseRecord(b []byte, r recordInfo, check bool) (*clip.Clip, error) {
	if int64(len(b)) < r.size() {
		return nil, errPartial
	}
	body := b[recordHead : recordHead+padded(r.meta)+padded(r.data)]
	if tail := b[recordHead+len(body):]; check && binary.LittleEndian.Uint32(tail) != crc32.Checksum(body, castagnoli) {
		return nil, errors.New("the checksum is wrong")
	}
	c := &clip.Clip{}
	if err := json.Unmarshal(body[:r.meta], c); err != nil {
		return nil, err
	}
	want := int64(c.DType.Size())
	for _, dim := range []int{c.T, c.H, c.W, c.C} {
		if dim <= 0 || want <= 0 || want > r.data/int64(dim) {
			return nil, errors.New("the shape and the size do not agree")
		}
		want *= int64(dim)
	}
	if want != r.data {
		return nil, errors.New("the shape and the size do not agree")
	}
	at := padded(r.meta)
	c.Data = body[at : at+r.data : at+r.data]
	return c, c.Validate()
}
