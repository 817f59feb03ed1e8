package deid

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestDeviceRulesAsAFile(t *testing.T) {
	rules := []DeviceRule{{Name: "cart 3", Manufacturer: "ACME", Model: "Echo*", Rows: 600, Columns: 800, Action: "mask", Rectangles: [][]int{{0, 0, 800, 40}}}, {Name: "pages", Modality: "CT", ImageType: `DERIVED\SECONDARY\PAGE*`, Action: "quarantine"}}
	raw, err := DevicesYAML(rules)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseDevices("x.yaml", raw)
	if err != nil || !reflect.DeepEqual(back, rules) {
		t.Errorf("%v\n%s\n%+v", err, raw, back)
	}
	for _, bad := range []string{"devices: [{name: x, action: blank}]", "devices: [{name: x, action: mask, rectangles: [[5, 0, 5, 9]]}]", "devices: [{nam: x, action: pass}]", "rules: []"} {
		if _, err := ParseDevices("x.yaml", []byte(bad)); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", bad, err)
		} else if !strings.Contains(err.Error(), "x.yaml") {
			t.Errorf("%s: the error does not name the file: %v", bad, err)
		}
	}
	builtin := rules[1:]
	other := DeviceRule{Name: "theirs", Station: "A", Action: "pass"}
	got := MergeDevices([]DeviceRule{rules[0], rules[1], rules[0]}, []DeviceRule{rules[0], other}, builtin)
	if len(got) != 2 || got[0].Name != "cart 3" || got[1].Name != "theirs" {
		t.Errorf("%+v", got)
	}
}
