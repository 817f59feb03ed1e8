package torch

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Dict is a Python dict or OrderedDict in the order of its entries.
type Dict struct {
	Keys, Values []any
	byName       map[string]int
}

// Get is the value of a string key.
func (d *Dict) Get(name string) (any, bool) {
	i, ok := d.byName[name]
	if !ok {
		return nil, false
	}
	return d.Values[i], true
}

func (d *Dict) set(key, value any) {
	if name, ok := key.(string); ok {
		if i, twice := d.byName[name]; twice {
			d.Values[i] = value
			return
		}
		if d.byName == nil {
			d.byName = map[string]int{}
		}
		d.byName[name] = len(d.Keys)
	}
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, value)
}

// List is a Python list or set.
type List struct{ Items []any }

// PyObject is an instance of a Python class that means nothing here. It is kept as data: nothing of it is ever run.
type PyObject struct {
	Class string // "argparse.Namespace"
	Args  any    // what its class was called with
	State any    // what its state was set to
}

// pyGlobal is a class or function named in a pickle.
type pyGlobal struct{ module, name string }

func (g pyGlobal) String() string { return g.module + "." + g.name }

// unpickler runs the opcodes of Python's pickle protocols 0 to 5 that data files use (Lib/pickletools.py is their reference). It
// builds values and never imports or calls anything: what a class or function would have done is decided by reduce.
type unpickler struct {
	in    []byte
	stack []any
	marks []int
	memo  map[int]any

	reduce     func(g pyGlobal, args Tuple) (any, error)
	persistent func(id any) (any, error)
}

// load runs one pickle and returns its value and the bytes after it.
func (u *unpickler) load(in []byte) (value any, rest []byte, err error) {
	u.in, u.stack, u.marks, u.memo = in, nil, nil, map[int]any{}
	defer func() {
		// Reading past the end and popping an empty stack panic with a pickleError, which keeps the loop below readable.
		if p := recover(); p != nil {
			pe, ok := p.(pickleError)
			if !ok {
				panic(p)
			}
			value, rest, err = nil, nil, fmt.Errorf("pickle, byte %d: %s", len(in)-len(u.in), string(pe))
		}
	}()
	for {
		opcode := u.take(1)[0]
		if opcode == '.' {
			return u.pop(), u.in, nil
		}
		if !u.literal(opcode) && !u.container(opcode) {
			u.object(opcode)
		}
	}
}

type pickleError string

func (u *unpickler) fail(format string, args ...any) {
	panic(pickleError(fmt.Sprintf(format, args...)))
}

func (u *unpickler) take(n int) []byte {
	if n < 0 || n > len(u.in) {
		u.fail("the file ends too early")
	}
	b := u.in[:n]
	u.in = u.in[n:]
	return b
}

// size reads a length of width bytes.
func (u *unpickler) size(width int) int {
	var b [8]byte
	copy(b[:], u.take(width))
	n := binary.LittleEndian.Uint64(b[:])
	if n > math.MaxInt32 {
		u.fail("a value of %d bytes", n)
	}
	return int(n)
}

func (u *unpickler) line() string {
	for i, c := range u.in {
		if c == '\n' {
			s := string(u.in[:i])
			u.in = u.in[i+1:]
			return s
		}
	}
	u.fail("the file ends inside a line")
	return ""
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

func (u *unpickler) pop() any {
	floor := 0
	if len(u.marks) > 0 {
		floor = u.marks[len(u.marks)-1]
	}
	if len(u.stack) <= floor {
		u.fail("empty stack")
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v
}

func (u *unpickler) top() any {
	v := u.pop()
	u.push(v)
	return v
}

// sinceMark takes all values above the last mark, and the mark.
func (u *unpickler) sinceMark() []any {
	if len(u.marks) == 0 {
		u.fail("no mark")
	}
	at := u.marks[len(u.marks)-1]
	u.marks = u.marks[:len(u.marks)-1]
	items := append([]any{}, u.stack[at:]...)
	u.stack = u.stack[:at]
	return items
}

// literal handles opcodes that push one plain value, and the memo.
func (u *unpickler) literal(opcode byte) bool {
	switch opcode {
	case 0x80: // PROTO
		if v := u.take(1)[0]; v > 5 {
			u.fail("protocol %d", v)
		}
	case 0x95: // FRAME
		u.take(8)
	case 'N':
		u.push(nil)
	case 0x88, 0x89:
		u.push(opcode == 0x88)
	case 'K':
		u.push(int64(u.take(1)[0]))
	case 'M':
		u.push(int64(binary.LittleEndian.Uint16(u.take(2))))
	case 'J':
		u.push(int64(int32(binary.LittleEndian.Uint32(u.take(4)))))
	case 0x8a: // LONG1
		u.push(u.long(u.take(u.size(1))))
	case 0x8b: // LONG4
		u.push(u.long(u.take(u.size(4))))
	case 'I':
		u.textInt(u.line())
	case 'L':
		s := u.line()
		u.textInt(s[:max(len(s)-1, 0)]) // ends with an L
	case 'G':
		u.push(math.Float64frombits(binary.BigEndian.Uint64(u.take(8))))
	case 'F':
		f, err := strconv.ParseFloat(u.line(), 64)
		if err != nil {
			u.fail("a number: %v", err)
		}
		u.push(f)
	case 'X', 'T': // BINUNICODE, BINSTRING
		u.push(string(u.take(u.size(4))))
	case 0x8c, 'U': // SHORT_BINUNICODE, SHORT_BINSTRING
		u.push(string(u.take(u.size(1))))
	case 0x8d: // BINUNICODE8
		u.push(string(u.take(u.size(8))))
	case 'V': // UNICODE
		u.push(u.line())
	case 'S': // STRING
		u.push(u.quoted(u.line()))
	case 'C': // SHORT_BINBYTES
		u.push(append([]byte{}, u.take(u.size(1))...))
	case 'B': // BINBYTES
		u.push(append([]byte{}, u.take(u.size(4))...))
	case 0x8e, 0x96: // BINBYTES8, BYTEARRAY8
		u.push(append([]byte{}, u.take(u.size(8))...))
	case 'q': // BINPUT
		u.memo[u.size(1)] = u.top()
	case 'r': // LONG_BINPUT
		u.memo[u.size(4)] = u.top()
	case 0x94: // MEMOIZE
		u.memo[len(u.memo)] = u.top()
	case 'p': // PUT
		u.memo[u.index()] = u.top()
	case 'h': // BINGET
		u.get(u.size(1))
	case 'j': // LONG_BINGET
		u.get(u.size(4))
	case 'g': // GET
		u.get(u.index())
	default:
		return false
	}
	return true
}

// quoted reads a Python string literal in single or double quotes.
func (u *unpickler) quoted(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		u.fail("a string without quotes")
	}
	quote, rest := s[0], s[1:len(s)-1]
	var out []byte
	for rest != "" {
		c, _, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			u.fail("a quoted string: %v", err)
		}
		out, rest = append(out, byte(c)), tail // Python 2's strings are bytes
	}
	return string(out)
}

func (u *unpickler) index() int {
	n, err := strconv.Atoi(u.line())
	if err != nil {
		u.fail("a memo index: %v", err)
	}
	return n
}

func (u *unpickler) get(i int) {
	v, ok := u.memo[i]
	if !ok {
		u.fail("nothing memorised under %d", i)
	}
	u.push(v)
}

func (u *unpickler) textInt(s string) {
	switch s { // protocol 0 writes booleans so
	case "00", "01":
		u.push(s == "01")
		return
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		u.fail("an integer: %v", err)
	}
	u.push(n)
}

// long reads a two's-complement integer: int64 where it fits, else *big.Int.
func (u *unpickler) long(b []byte) any {
	if len(b) > 1024 {
		u.fail("an integer of %d bytes", len(b))
	}
	reversed := make([]byte, len(b))
	for i, c := range b {
		reversed[len(b)-1-i] = c
	}
	n := new(big.Int).SetBytes(reversed)
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}
