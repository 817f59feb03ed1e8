package deid

import (
	"reflect"

	"github.com/cineloop/cineloop/internal/strictyaml"
)

// deviceFile is a file of device rules.
type deviceFile struct {
	Devices []DeviceRule `yaml:"devices"`
}

// ParseDevices reads device rules; file names them in errors. They are held to what a policy's are.
func ParseDevices(file string, raw []byte) ([]DeviceRule, error) {
	var f deviceFile
	if err := strictyaml.Unmarshal(file, raw, &f); err != nil {
		return nil, err
	}
	p, _ := Preset("basic")
	p.Name, p.Pixels.Devices = file, f.Devices
	return f.Devices, p.Validate()
}

// DevicesYAML is rules as [ParseDevices] reads them.
func DevicesYAML(rules []DeviceRule) ([]byte, error) { return strictyaml.Marshal(deviceFile{rules}) }

// MergeDevices is first and then then, each rule once, without those that are built in at their end anyway.
func MergeDevices(first, then, builtin []DeviceRule) []DeviceRule {
	var out []DeviceRule
	has := func(list []DeviceRule, r DeviceRule) bool {
		for i := range list {
			if reflect.DeepEqual(list[i], r) {
				return true
			}
		}
		return false
	}
	for _, list := range [][]DeviceRule{first, then} {
		for _, r := range list {
			if !has(out, r) && !has(builtin, r) {
				out = append(out, r)
			}
		}
	}
	return out
}
