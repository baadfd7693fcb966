package screen

import "unicode"

// Key is a character, or one of the names below.
type Key rune

// Keys that are no characters, and what else Next returns.
const (
	Up Key = -1 - iota
	Down
	Left
	Right
	Home
	End
	PageUp
	PageDown
	Delete
	Paste    // pasted text follows
	PasteEnd // the pasted text has ended
	Unknown
	Resized   // or continued: the screen is to be drawn again
	Interrupt // ^C
	Ended     // the terminal is gone, or the tool was told to end
	Woken
	Timeout
)

// Meta is added to a key that is typed with Alt, or after ESC.
const Meta Key = 1 << 24

// Keys that are control characters.
const (
	Escape    Key = 0x1b
	Backspace Key = 0x7f
)

// Control returns the key of a letter with Ctrl.
func Control(letter byte) Key { return Key(letter & 0x1f) }

// sequences are what terminals send for keys after ESC.
var sequences = map[string]Key{
	"[A": Up, "OA": Up, "[B": Down, "OB": Down, "[C": Right, "OC": Right, "[D": Left, "OD": Left,
	"[H": Home, "OH": Home, "[1~": Home, "[7~": Home, "[F": End, "OF": End, "[4~": End, "[8~": End,
	"[5~": PageUp, "[6~": PageDown, "[3~": Delete, "[200~": Paste, "[201~": PasteEnd, "OM": '\r',
	"[1;5H": Meta | '<', "[1;5F": Meta | '>', "[1;5C": Meta | 'f', "[1;5D": Meta | 'b', "[1;3C": Meta | 'f', "[1;3D": Meta | 'b',
}

// read reads a key.
func (s *Screen) read() Key {
	r, _, err := s.in.ReadRune()
	switch {
	case err != nil:
		return Ended
	case Key(r) != Escape || !s.more():
		return Key(r)
	}
	sequence := ""
	for len(sequence) < 8 && s.more() {
		r, _, err := s.in.ReadRune()
		if err != nil {
			return Ended
		}
		sequence += string(r)
		switch {
		case len(sequence) == 1 && r == rune(Escape):
			_ = s.in.UnreadRune()
			return Escape
		case sequence != "[" && sequence != "O" && len(sequence) == len(string(r)):
			return Meta | Key(r)
		case len(sequence) > 1 && (unicode.IsLetter(r) || r == '~'):
			if k, ok := sequences[sequence]; ok {
				return k
			}
			return Unknown
		}
	}
	if len(sequence) == 1 {
		return Meta | Key(sequence[0])
	}
	return Unknown
}

// more reports whether more follows at once, or soon: over a slow link, the bytes of a key arrive one by one.
func (s *Screen) more() bool { return s.in.Buffered() > 0 || s.waits() }
