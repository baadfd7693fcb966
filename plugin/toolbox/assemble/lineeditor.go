package main

const (
	linerInput  = "github.com/peterh/liner/input.go"
	linerLine   = "github.com/peterh/liner/line.go"
	linerCommon = "github.com/peterh/liner/common.go"
)

// lineEditor are repairs of the shell's line editor, which make it answer keys as bash does.
var lineEditor = []change{
	// It read ahead: what is typed for a command while that starts became the shell's next line.
	{linerInput, `	s.r = bufio.NewReader(os.Stdin)

	s.terminalSupported`, `	s.r = bufio.NewReader(bytewise{os.Stdin})

	s.terminalSupported`},
	{linerInput, `// NewLiner initializes a new`, `// bytewise reads no more than is needed.
type bytewise struct{ *os.File }

func (b bytewise) Read(p []byte) (int, error) { return b.File.Read(p[:min(len(p), 1)]) }

// NewLiner initializes a new`},
	// The arrow up searched for what was typed. That is what ^R is for.
	{linerCommon, `		if strings.HasPrefix(h, prefix) {
			ph = append(ph, h)
		}
`, `		ph = append(ph, h)
`},
	// Keys of a terminal in application mode.
	{linerInput, `		case 'c':
			return wordRight, nil
		case 'd':`, `		case 'A':
			return up, nil
		case 'B':
			return down, nil
		case 'C':
			return right, nil
		case 'D':
			return left, nil
		case 'c':
			return wordRight, nil
		case 'd':`},
	// Keys with modifiers, and unknown ones, became characters of the line.
	{linerInput, `			return shiftTab, nil
`, `			return shiftTab, nil
		default:
			s.pending = s.pending[:0]
			return unknown, nil
`},
	{linerInput, `					// unrecognized escape code
					rv := s.pending[0]
					s.pending = s.pending[1:]
					return rv, nil
`, `					// unrecognized escape code
					s.pending = s.pending[:0]
					return unknown, nil
`},
	{linerInput, `					if x != 1 {
						// Can't be left or right
						rv := s.pending[0]
						s.pending = s.pending[1:]
						return rv, nil
					}
`, ``},
	{linerInput, `							if mod != 5 {
								// Not bare Ctrl
								rv := s.pending[0]
								s.pending = s.pending[1:]
								return rv, nil
							}
							s.pending`, `							_ = mod // Ctrl or Alt
							s.pending`},
	{linerInput, `							// Not left or right
							rv := s.pending[0]
							s.pending = s.pending[1:]
							return rv, nil
`, `							// Not left or right
							s.pending = s.pending[:0]
							switch {
							case code == 'H':
								return home, nil
							case code == 'F':
								return end, nil
							case code == '~' && x == 3:
								return altD, nil
							}
							return unknown, nil
`},
	// The signs for newlines and tabs below stand for nothing else in a line: none comes from a key.
	{linerInput, `	if r != esc {
		return r, nil
	}
	s.pending`, `	if r == '⏎' || r == '␉' {
		return unknown, nil
	}
	if r != esc {
		return r, nil
	}
	s.pending`},
	// A pasted text is typed: its tabs complete nothing, and its newlines run nothing.
	{linerInput, `					switch x {
					case 2:`, `					switch x {
					case 200:
						return s.readPaste()
					case 2:`},
	{linerInput, `// Close returns the terminal to its previous mode`, `// pasted is a text that was pasted. Newlines and tabs have signs in their place, until the line is returned.
type pasted string

// readPaste reads a text that was pasted, up to the sequence that ends it.
func (s *State) readPaste() (any, error) {
	const end = "\x1b[201~"
	var text []rune
	for {
		n, ok := <-s.next
		if !ok {
			s.restartPrompt()
			continue
		}
		if n.err != nil {
			return nil, n.err
		}
		text = append(text, n.r)
		if len(text) >= len(end) && string(text[len(text)-len(end):]) == end {
			break
		}
	}
	whole := strings.NewReplacer("\r\n", "⏎", "\r", "⏎", "\n", "⏎", "\t", "␉", "⏎", "", "␉", "").Replace(string(text[:len(text)-len(end)]))
	return pasted(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, whole)), nil
}

// Close returns the terminal to its previous mode`},
	{linerInput, `	"time"
)`, `	"time"
	"unicode"
)`},
	{linerInput, `			mode.Lflag &^= isig
			mode.ApplyMode()
`, `			mode.Lflag &^= isig
			mode.ApplyMode()
			os.Stdout.WriteString("\x1b[?2004h")
`},
	{linerInput, `func (s *State) stopPrompt() {
	if s.terminalSupported {
`, `func (s *State) stopPrompt() {
	if s.terminalSupported {
		os.Stdout.WriteString("\x1b[?2004l")
`},
	{linerLine, `		case action:
			switch v {
			case del:
`, `		case pasted:
			insertion := []rune(v)
			line = append(line[:pos:pos], append(insertion, line[pos:]...)...)
			pos += len(insertion)
			s.needRefresh = true
		case action:
			switch v {
			case altDot: // Insert the last word of the line before; of one before that if it is repeated
				if string(line) != dotLine || pos != dotPos {
					dotAt, dotWord = len(s.history), nil
				}
				if dotAt == 0 {
					s.doBeep()
					break
				}
				dotAt--
				line = append(line[:pos-len(dotWord):pos-len(dotWord)], line[pos:]...)
				pos -= len(dotWord)
				dotWord = nil
				if words := strings.Fields(s.history[dotAt]); len(words) > 0 {
					dotWord = []rune(words[len(words)-1])
				}
				line = append(line[:pos:pos], append(dotWord[:len(dotWord):len(dotWord)], line[pos:]...)...)
				pos += len(dotWord)
				dotLine, dotPos = string(line), pos
			case del:
`},
	{linerLine, `	killAction := 0        // used to mark kill related actions

	defer s.stopPrompt()
`, `	killAction := 0        // used to mark kill related actions
	dotAt, dotPos, dotLine := 0, -1, ""
	var dotWord []rune

	defer s.stopPrompt()
`},
	{linerLine, `	altBs // Alt+Backspace
`, `	altBs // Alt+Backspace
	altDot
`},
	{linerInput, `	case 'b':
		s.pending = s.pending[:0] // escape code complete
		return altB, nil
`, `	case 'b':
		s.pending = s.pending[:0] // escape code complete
		return altB, nil
	case '.', '_':
		s.pending = s.pending[:0] // escape code complete
		return altDot, nil
`},
	{linerLine, `	return string(line), nil
}

// PasswordPrompt displays`, `	return strings.NewReplacer("⏎", "\n", "␉", "\t").Replace(string(line)), nil
}

// PasswordPrompt displays`},
	// A search for what is not in the history gave up the last line that was found.
	{linerLine, `	foundPos := origPos

	getLine`, `	foundPos := origPos
	failed := ""

	getLine`},
	{linerLine, "		prompt := \"(reverse-i-search)`%s': \"\n		return []rune(fmt.Sprintf(prompt, search))", "		prompt := \"(%sreverse-i-search)`%s': \"\n		return []rune(fmt.Sprintf(prompt, failed, search))"},
	{linerLine, `					history, positions := s.getHistoryByPattern(string(line))
					historyPos = len(history) - 1
					if len(history) > 0 {
						foundLine = history[historyPos]
						foundPos = positions[historyPos]
					} else {
						foundLine = ""
						foundPos = 0
					}
`, `					history, positions = s.getHistoryByPattern(string(line))
					historyPos, failed = len(history)-1, "failed "
					if len(history) > 0 {
						foundLine, foundPos, failed = history[historyPos], positions[historyPos], ""
					}
`},
	{linerLine, `				historyPos = len(history) - 1
				if len(history) > 0 {
					foundLine = history[historyPos]
					foundPos = positions[historyPos]
				} else {
					foundLine = ""
					foundPos = 0
				}
`, `				historyPos, failed = len(history)-1, "failed "
				if len(history) > 0 {
					foundLine, foundPos, failed = history[historyPos], positions[historyPos], ""
				}
`},
	// Where nothing had been typed, a prompt was shown twice once the window's size had changed.
	{linerLine, `					if s.maxRows-s.cursorRows > 0 {
						s.moveDown(s.maxRows - s.cursorRows)
					}
`, `					if rows := s.maxRows - max(s.cursorRows, 1); rows > 0 {
						s.moveDown(rows)
					}
`},
	// A list of candidates has names only, without the directory that is typed already.
	{linerLine, `			numColumns, numRows, maxWidth := calculateColumns(s.columns, items)
`, `			names := make([]string, len(items))
			for i, item := range items {
				names[i] = item[strings.LastIndex(strings.TrimSuffix(item, "/"), "/")+1:]
			}
			items := names
			numColumns, numRows, maxWidth := calculateColumns(s.columns, items)
`},
}
