// Package units writes sizes in the units that options of df, du and ls ask for.
package units

import (
	"fmt"
	"strconv"
	"strings"
)

// Human returns a size as ls -h and df -h do: rounded up, with one digit after the point below 10.
func Human(bytes uint64) string { return humanBy(bytes, 1024, "KMGTPE") }

// SI is Human with powers of 1000.
func SI(bytes uint64) string { return humanBy(bytes, 1000, "kMGTPE") }

func humanBy(bytes uint64, base float64, letters string) string {
	if bytes < uint64(base) {
		return strconv.FormatUint(bytes, 10)
	}
	value, unit := float64(bytes), -1
	for value >= base-0.5 && unit < 5 || unit < 0 {
		value /= base
		unit++
	}
	letter := letters[unit : unit+1]
	if value < 9.95 {
		tenths := uint64(value * 10)
		if float64(tenths) < value*10 {
			tenths++
		}
		return fmt.Sprintf("%d.%d%s", tenths/10, tenths%10, letter)
	}
	whole := uint64(value)
	if float64(whole) < value {
		whole++
	}
	return strconv.FormatUint(whole, 10) + letter
}

// Format is how sizes are printed: in blocks of a size, with a letter behind them, or human.
type Format struct {
	Human func(uint64) string
	Block uint64 // bytes; 0 for the default of the place
	Mark  string // after a number, as --block-size=M asks for it
}

// Set takes the value of --block-size: 1K, KB, M, 4096, human-readable or si.
func (u *Format) Set(text string) error {
	switch text {
	case "human-readable":
		u.Human = Human
		return nil
	case "si":
		u.Human = SI
		return nil
	}
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	unit, base := strings.TrimSuffix(text[len(digits):], "iB"), uint64(1024)
	if short, ok := strings.CutSuffix(unit, "B"); ok && len(short) == 1 {
		unit, base = short, 1000
	}
	u.Block = 1
	if unit != "" {
		power := strings.Index("KMGTPE", strings.ToUpper(unit))
		if power < 0 || len(unit) != 1 {
			return fmt.Errorf("%q is no size of blocks", text)
		}
		for range power + 1 {
			u.Block *= base
		}
	}
	if digits == "" {
		u.Mark = text
		return nil
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no size of blocks", text)
	}
	u.Block *= n
	return nil
}

// Show returns a size in bytes, rounded up. Without --block-size, blocks have the default size.
func (u *Format) Show(bytes, standard uint64) string {
	if u.Human != nil {
		return u.Human(bytes)
	}
	block := standard
	if u.Block > 0 {
		block = u.Block
	}
	return strconv.FormatUint(bytes/block+min(1, bytes%block), 10) + u.Mark
}
