package pager

// showHelp shows the keys.
func (p *pager) showHelp() {
	if p.help != nil {
		return
	}
	p.help, p.behind = p.doc, p.top
	p.doc, p.top, p.left, p.cached = text("HELP", keysHelp), pos{}, 0, -1
}

const keysHelp = `                   SUMMARY OF LESS COMMANDS

  q  :q  ZZ            Exit.
  h  H                 Display this help.

  e  j  RETURN  down   Forward  one line   (or N lines).
  y  k  ^P  up         Backward one line   (or N lines).
  f  ^F  SPACE  PgDn   Forward  one window (or N lines).
  b  ^B  PgUp          Backward one window (or N lines).
  d  ^D                Forward  one half-window (and set half-window to N).
  u  ^U                Backward one half-window (and set half-window to N).
  right  left          Right or left one half screen width (or N positions).
  F                    Forward forever; like "tail -f". ^C ends that.
  r  R  ^L             Repaint the screen.

  /pattern             Search forward for the (N-th) matching line.
  ?pattern             Search backward for the (N-th) matching line.
  !  at the begin of a pattern searches lines that do NOT match.
  n  N                 Repeat the search, or in the reverse direction.
  ESC-u                Undo (toggle) search highlighting.
  &pattern             Display only matching lines; & alone displays all.

  g  <  Home           Go to the first line (or line N).
  G  >  End            Go to the last line (or line N).
  p  %                 Go to the beginning of the text (or N percent into it).
  m<letter>  '<letter> Set a mark; go to a mark. '' is the previous position.

  :n  :p  :x  :e file  The next, previous, first, or another file.
  =  ^G  :f            Print the name of the file, and where you are.
  -<letter>            Toggle an option: i I m M N R s S.
  v                    Edit the file with the toolbox's editor.
  !command             Run a command of the shell.
`
