package deid

import (
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/vr"
)

func TestShift(t *testing.T) {
	for _, c := range []struct {
		v        vr.VR
		in, want string
		days     int
		ok       bool
	}{
		{vr.DA, "20200301", "20200229", 1, true},
		{vr.DA, "20200101", "20190101", 365, true},
		{vr.DA, "2020.03.01", "20200229", 1, true},
		{vr.DA, "20200110-20200120", "20200109-20200119", 1, true},
		{vr.DA, "20200230", "", 1, false},
		{vr.DA, "yesterday", "", 1, false},
		{vr.DA, "", "", 1, false},
		{vr.DT, "20200301093015.123456+0100", "20200229093015.123456+0100", 1, true},
		{vr.DT, "20200301", "20200229", 1, true},
		{vr.DT, "202003", "202002", 30, true},
		{vr.DT, "2020", "2019", 365, true},
		{vr.DT, "20200301-0500", "20200229-0500", 1, true},
		{vr.DT, "DOE^JOHN", "", 1, false},
		{vr.TM, "093015.5", "093015.5", 400, true},
		{vr.TM, "DOE", "", 1, false},
	} {
		got, ok := shiftValue(c.v, c.in, c.days)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%v %q: %q %v, want %q %v", c.v, c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestAges(t *testing.T) {
	for in, want := range map[string]string{"045Y": "045Y", "089Y": "089Y", "090Y": "090Y", "101Y": "090Y", "999M": "999M", "006M": "006M", "012D": "012D"} {
		if got, ok := capAge(in, 89); !ok || got != want {
			t.Errorf("%s: %s %v, want %s", in, got, ok, want)
		}
	}
	for _, bad := range []string{"45", "45Y", "0455Y", "ABCY", "", "045Z"} {
		if _, ok := capAge(bad, 89); ok {
			t.Errorf("%q is an age", bad)
		}
	}
	day := func(s string) time.Time { d, _ := time.Parse("20060102", s); return d }
	if a := ageAt(day("19500615"), day("20200614")); a != 69 {
		t.Errorf("%d on the day before the birthday", a)
	}
	if a := ageAt(day("19500615"), day("20200615")); a != 70 {
		t.Errorf("%d on the birthday", a)
	}
}
