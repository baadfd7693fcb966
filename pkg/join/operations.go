//go:build linux

package join

import (
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// operation is how one of the plan's operations is carried out.
type operation struct {
	// An operation is compiled to a single instruction, or by compile if that is not nil.
	single  instruction
	compile func(*compiler, plan.Step) error
	// descriptors says that it uses descriptors that no later process may hold.
	descriptors bool
	// explain returns the error of a step that failed with err, whose number is errno. Without explain, or if
	// it returns nil, the error is the step's description and err.
	explain func(f *follower, step int, errno unix.Errno, err error) error
}

// operations is static data: nothing is built when the helper starts.
var operations = [plan.EndOfOps]operation{
	plan.OpApart:     {single: instruction{call: unix.SYS_SETSID}},
	plan.OpLabel:     {compile: (*compiler).label, descriptors: true},
	plan.OpLimits:    {compile: (*compiler).limits, explain: (*follower).limitsFailed},
	plan.OpSchedule:  {compile: (*compiler).schedule, explain: (*follower).scheduleFailed},
	plan.OpUndo:      {compile: (*compiler).undo, descriptors: true},
	plan.OpJoin:      {compile: (*compiler).join, descriptors: true, explain: (*follower).joinFailed},
	plan.OpNoGroups:  {compile: (*compiler).noGroups},
	plan.OpCgroups:   {compile: (*compiler).cgroups, descriptors: true},
	plan.OpUnshare:   {compile: (*compiler).unshare, explain: (*follower).unshareFailed},
	plan.OpMap:       {single: instruction{do: await, args: [6]uintptr{messageMap}}},
	plan.OpMounts:    {compile: (*compiler).privateMounts},
	plan.OpSlave:     {compile: (*compiler).slaveMounts, explain: (*follower).unshareFailed},
	plan.OpNames:     {compile: (*compiler).names, explain: (*follower).namesFailed},
	plan.OpSys:       {compile: (*compiler).sys, explain: (*follower).namesFailed},
	plan.OpProc:      {compile: (*compiler).proc, explain: (*follower).procFailed},
	plan.OpView:      {compile: (*compiler).view, explain: (*follower).viewFailed},
	plan.OpPivot:     {compile: (*compiler).pivot},
	plan.OpNoExec:    {compile: (*compiler).noExec, explain: (*follower).noExecFailed},
	plan.OpRoot:      {compile: (*compiler).root},
	plan.OpRemove:    {compile: (*compiler).remove},
	plan.OpKeyring:   {compile: (*compiler).keyring},
	plan.OpUmask:     {compile: (*compiler).umask},
	plan.OpPersona:   {compile: (*compiler).persona},
	plan.OpDir:       {compile: (*compiler).dir, explain: (*follower).dirFailed},
	plan.OpDirAgain:  {compile: (*compiler).dirAgain, explain: (*follower).dirFailed},
	plan.OpDirLast:   {compile: (*compiler).dirLast, explain: (*follower).dirFailed},
	plan.OpBounding:  {compile: (*compiler).bounding},
	plan.OpUser:      {compile: (*compiler).user},
	plan.OpInside:    {compile: (*compiler).inside, explain: (*follower).insideFailed},
	plan.OpNoNewPriv: {single: instruction{call: unix.SYS_PRCTL, args: [6]uintptr{unix.PR_SET_NO_NEW_PRIVS, 1}}},
	plan.OpSeccomp:   {compile: (*compiler).seccomp},
	plan.OpLoader:    {compile: (*compiler).loader},
	plan.OpCaps:      {compile: (*compiler).capabilities},
	plan.OpFork:      {single: instruction{do: forkAgain}, explain: (*follower).forkFailed},
	plan.OpSession:   {single: instruction{call: unix.SYS_SETSID}},
	plan.OpTerminal:  {single: instruction{call: unix.SYS_IOCTL, args: [6]uintptr{0, unix.TIOCSCTTY}}},
	plan.OpSettle:    {single: instruction{do: await}},
	plan.OpFind:      {compile: (*compiler).find, explain: (*follower).execFailed},
	plan.OpExec:      {single: instruction{do: execute}, explain: (*follower).execFailed},
	plan.OpRelabel:   {compile: (*compiler).relabel, descriptors: true},
	plan.OpHide:      {single: instruction{call: unix.SYS_PRCTL, args: [6]uintptr{unix.PR_SET_DUMPABLE}}},

	plan.OpSockets:     {compile: (*compiler).onThread},
	plan.OpConnectUnix: {compile: (*compiler).connectUnix, explain: (*follower).socketFailed},
	plan.OpListenUnix:  {compile: (*compiler).listenUnix, explain: (*follower).socketFailed},

	plan.OpClone:      {compile: (*compiler).cloneSource, explain: (*follower).mountFailed},
	plan.OpTmpfs:      {compile: (*compiler).newTmpfs, explain: (*follower).mountFailed},
	plan.OpMountFlags: {compile: (*compiler).mountFlags, explain: (*follower).mountFailed},
	plan.OpRecord:     {compile: (*compiler).record, explain: (*follower).mountFailed},
	plan.OpAttach:     {compile: (*compiler).attach, explain: (*follower).mountFailed},
	plan.OpCheck:      {compile: (*compiler).check, explain: (*follower).mountFailed},
	plan.OpDetach:     {compile: (*compiler).detach, explain: (*follower).mountFailed},
}
