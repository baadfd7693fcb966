package peeruid

// NamesOrphans is for tests.
var NamesOrphans = namesOrphans
