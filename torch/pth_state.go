package torch

import "strings"

// stateKeys are the names under which checkpoints hold their state dict.
var stateKeys = []string{"state_dict", "model_state_dict", "model", "net", "weights", "ema", "module"}

// stateDict finds the weights in what torch.save wrote; nil when there are none.
func stateDict(tree any) map[string]Array {
	found := map[string]Array{}
	switch v := tree.(type) {
	case *Dict:
		for i, key := range v.Keys {
			name, isName := key.(string)
			if a, isTensor := v.Values[i].(*Array); isName && isTensor {
				found[name] = *a
			}
		}
		if len(found) > 0 {
			break
		}
		for _, key := range stateKeys {
			inner, ok := v.Get(key)
			if !ok || inner == tree {
				continue
			}
			if inner := stateDictOf(inner); len(inner) > 0 {
				return inner
			}
		}
	case *PyObject:
		moduleState("", v, found, map[*PyObject]bool{})
	}
	return withoutPrefix(found, "module.")
}

// stateDictOf looks one level down, not further: deeper dicts are optimiser state and the like.
func stateDictOf(v any) map[string]Array {
	if d, ok := v.(*Dict); ok {
		for _, value := range d.Values {
			if _, ok := value.(*Array); ok {
				return stateDict(d)
			}
		}
		return nil
	}
	return stateDict(v)
}

// moduleState collects parameters and buffers of a pickled nn.Module, under the names that its state_dict would give.
func moduleState(prefix string, m *PyObject, found map[string]Array, seen map[*PyObject]bool) {
	state, ok := m.State.(*Dict)
	if !ok || seen[m] {
		return
	}
	seen[m] = true
	members := func(attribute string) *Dict {
		v, _ := state.Get(attribute)
		d, _ := v.(*Dict)
		if d == nil {
			d = &Dict{}
		}
		return d
	}
	for _, attribute := range []string{"_parameters", "_buffers"} {
		d := members(attribute)
		for i, key := range d.Keys {
			name, isName := key.(string)
			if a, isTensor := d.Values[i].(*Array); isName && isTensor {
				found[prefix+name] = *a
			}
		}
	}
	d := members("_modules")
	for i, key := range d.Keys {
		name, isName := key.(string)
		if child, isObject := d.Values[i].(*PyObject); isName && isObject {
			moduleState(prefix+name+".", child, found, seen)
		}
	}
}

// withoutPrefix drops a prefix that every name has.
func withoutPrefix(tensors map[string]Array, prefix string) map[string]Array {
	out := make(map[string]Array, len(tensors))
	for name, a := range tensors {
		short, ok := strings.CutPrefix(name, prefix)
		if !ok {
			return tensors
		}
		out[short] = a
	}
	return out
}
