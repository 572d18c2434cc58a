package main

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// cell is a piece of a table. Its colour does not count for its width.
type cell struct {
	text   string
	colour colour
}

func plain(texts ...string) []cell {
	cells := make([]cell, len(texts))
	for i, t := range texts {
		cells[i].text = t
	}
	return cells
}

// table writes rows in columns, three spaces apart as kubectl does. Nothing
// follows the last cell of a row.
func (t *terminal) table(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(t.paint(c.colour, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+3))
			}
		}
		t.say("%s", strings.TrimRight(b.String(), " "))
	}
}

// fields writes names and values, which come by turns, one pair a line.
func (t *terminal) fields(indent string, pairs ...string) {
	width := 0
	shown := pairs[:0:0]
	for pair := range slices.Chunk(pairs, 2) {
		if pair[len(pair)-1] != "" {
			shown = append(shown, pair...)
			width = max(width, utf8.RuneCountInString(pair[0])+1)
		}
	}
	for pair := range slices.Chunk(shown, 2) {
		lines := strings.Split(pair[len(pair)-1], "\n")
		t.say("%s%-*s  %s", indent, width, pair[0]+":", lines[0])
		for _, more := range lines[1:] {
			t.say("%s%-*s  %s", indent, width, "", more)
		}
	}
}
