package torch

import "fmt"

// container handles opcodes that build tuples, lists, dicts and sets.
func (u *unpickler) container(opcode byte) bool {
	switch opcode {
	case '(':
		u.marks = append(u.marks, len(u.stack))
	case '0':
		u.pop()
	case '1':
		u.sinceMark()
	case '2':
		u.push(u.top())
	case ')':
		u.push(Tuple{})
	case 't':
		u.push(Tuple(u.sinceMark()))
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		n := int(opcode) - 0x84
		t := make(Tuple, n)
		for i := n - 1; i >= 0; i-- {
			t[i] = u.pop()
		}
		u.push(t)
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		u.push(&List{})
	case 'l', 0x91: // LIST, FROZENSET
		u.push(&List{u.sinceMark()})
	case 'a': // APPEND
		v := u.pop()
		u.extend(v)
	case 'e', 0x90: // APPENDS, ADDITEMS
		u.extend(u.sinceMark()...)
	case '}':
		u.push(&Dict{})
	case 'd':
		items := u.sinceMark()
		d := &Dict{}
		u.push(d)
		u.update(items)
	case 's': // SETITEM
		v := u.pop()
		k := u.pop()
		u.update([]any{k, v})
	case 'u': // SETITEMS
		u.update(u.sinceMark())
	default:
		return false
	}
	return true
}

func (u *unpickler) extend(items ...any) {
	switch target := u.top().(type) {
	case *List:
		target.Items = append(target.Items, items...)
	case *PyObject: // a subclass of list: its items do not matter here
	default:
		u.fail("appending to a %T", target)
	}
}

func (u *unpickler) update(items []any) {
	if len(items)%2 != 0 {
		u.fail("a key without value")
	}
	switch target := u.top().(type) {
	case *Dict:
		for i := 0; i < len(items); i += 2 {
			target.set(items[i], items[i+1])
		}
	case *PyObject: // a subclass of dict
	default:
		u.fail("setting an item of a %T", target)
	}
}

// object handles opcodes that name classes and make instances.
func (u *unpickler) object(opcode byte) {
	switch opcode {
	case 'c': // GLOBAL
		module := u.line()
		u.push(pyGlobal{module, u.line()})
	case 0x93: // STACK_GLOBAL
		name, ok1 := u.pop().(string)
		module, ok2 := u.pop().(string)
		if !ok1 || !ok2 {
			u.fail("a class without name")
		}
		u.push(pyGlobal{module, name})
	case 'R', 0x81: // REDUCE, NEWOBJ
		args := u.pop()
		u.make(u.pop(), args)
	case 0x92: // NEWOBJ_EX
		u.pop()
		args := u.pop()
		u.make(u.pop(), args)
	case 'b': // BUILD
		state := u.pop()
		// Dicts carry attributes such as OrderedDict's _metadata here, which no tensor depends on.
		if o, ok := u.top().(*PyObject); ok {
			o.State = state
		}
	case 'Q': // BINPERSID
		id := u.pop()
		if u.persistent == nil {
			u.fail("a reference to a storage outside a model file")
		}
		v, err := u.persistent(id)
		if err != nil {
			u.fail("%v", err)
		}
		u.push(v)
	default:
		u.fail("opcode %#02x is not supported", opcode)
	}
}

func (u *unpickler) make(class, args any) {
	g, ok := class.(pyGlobal)
	if !ok {
		u.push(&PyObject{Class: fmt.Sprintf("%T", class), Args: args})
		return
	}
	list, ok := args.(Tuple)
	if !ok {
		u.fail("%s is called with a %T", g, args)
	}
	v, err := u.reduce(g, list)
	if err != nil {
		u.fail("%s: %v", g, err)
	}
	u.push(v)
}
