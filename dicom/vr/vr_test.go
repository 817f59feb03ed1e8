package vr

import "testing"

func TestFacts(t *testing.T) {
	long := map[VR]bool{OB: true, OD: true, OF: true, OL: true, OV: true, OW: true, SQ: true, SV: true, UC: true, UN: true, UR: true, UT: true, UV: true}
	all := []VR{AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, OB, OD, OF, OL, OV, OW, PN, SH, SL, SQ, SS, ST, SV, TM, UC, UI, UL, UN, UR, US, UT, UV}
	if len(all) != 34 {
		t.Fatalf("%d VRs", len(all))
	}
	for _, v := range all {
		if !v.Known() || v.Long() != long[v] {
			t.Errorf("%v: known %v, long %v", v, v.Known(), v.Long())
		}
		s := v.String()
		if back, ok := Parse(s[0], s[1]); back != v || !ok {
			t.Errorf("%s does not parse", s)
		}
		if v.IsText() == (v.WordSize() > 0) {
			t.Errorf("%v is text %v with words of %d", v, v.IsText(), v.WordSize())
		}
		if v.UsesCharset() && !v.IsText() {
			t.Errorf("%v", v)
		}
	}
	if UI.Padding() != 0 || OB.Padding() != 0 || LO.Padding() != ' ' {
		t.Errorf("padding %q %q %q", UI.Padding(), OB.Padding(), LO.Padding())
	}
	for _, v := range []VR{0, 'Z'<<8 | 'Z', ' '<<8 | ' ', 0xFFFF, 'A'<<8 | 'a'} {
		if v.Known() || v.Long() {
			t.Errorf("%v is known", v)
		}
	}
	if s := VR(0x0041).String(); s != "?A" {
		t.Errorf("%q", s)
	}
	if PN.MaxLength() != 64 || UT.MaxLength() != 0 || !ST.IsSingle() || LO.IsSingle() || AT.WordSize() != 2 || UV.WordSize() != 8 {
		t.Error("limits")
	}
}
