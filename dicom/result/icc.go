package result

import "encoding/binary"

// profile is a small ICC profile (ICC.1:2001-04) of sRGB's primaries, adapted to D50, with a gamma of 2.2: what the values of an image mean that doesn't say so itself, of
// class scnr as presentation states want it (PS3.3 C.11.15).
func profile() []byte {
	s15 := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.BigEndian.AppendUint32(b, uint32(int32(x*65536+0.5)))
		}
		return b
	}
	xyz := func(v ...float64) []byte { return append([]byte("XYZ \x00\x00\x00\x00"), s15(v...)...) }
	text := func(s string) []byte { return append([]byte("text\x00\x00\x00\x00"), s+"\x00"...) }
	name := "sRGB primaries, gamma 2.2"
	desc := binary.BigEndian.AppendUint32([]byte("desc\x00\x00\x00\x00"), uint32(len(name)+1))
	desc = append(append(desc, name...), make([]byte, 1+4+4+2+1+67)...) // no Unicode, no script code
	curve := []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33")     // 2.2 as u8Fixed8
	tags := []struct {
		name string
		data []byte
	}{{"desc", desc}, {"cprt", text("No copyright, use freely")}, {"wtpt", xyz(0.9642, 1, 0.8249)}, {"rXYZ", xyz(0.4360, 0.2225, 0.0139)}, {"gXYZ", xyz(0.3851, 0.7169, 0.0971)},
		{"bXYZ", xyz(0.1431, 0.0606, 0.7141)}, {"rTRC", curve}, {"gTRC", curve}, {"bTRC", curve}}
	out := make([]byte, 128+4+12*len(tags))
	copy(out[8:], "\x02\x10\x00\x00scnrRGB XYZ ")
	binary.BigEndian.PutUint16(out[24:], 2001)
	binary.BigEndian.PutUint16(out[26:], 4)
	binary.BigEndian.PutUint16(out[28:], 1)
	copy(out[36:], "acsp")
	copy(out[68:], s15(0.9642, 1, 0.8249))
	binary.BigEndian.PutUint32(out[128:], uint32(len(tags)))
	for i, t := range tags {
		at := out[132+12*i:]
		copy(at, t.name)
		binary.BigEndian.PutUint32(at[4:], uint32(len(out)))
		binary.BigEndian.PutUint32(at[8:], uint32(len(t.data)))
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}
