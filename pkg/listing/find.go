package listing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// find surveys the containers, a second time if some were not found, and notes in list which are
// missing. local says that the survey was made on this machine.
func (l *Lister) find(ctx context.Context, all []engine.Container, list *List) (found *survey.Survey, local bool, err error) {
	image := "" // of the helper's container, if one is made: any will do
	claims := make([]request.Claim, len(all))
	for i, c := range all {
		claims[i].ID, image = c.ID, c.ImageID
	}
	found, local, err = l.survey(ctx, claims, image)
	if err != nil {
		return nil, local, err
	}
	lost := notFound(found, claims)
	if len(lost) == 0 {
		return found, local, nil
	}
	pids, err := engine.PIDs(ctx, l.Engine, lost)
	if err != nil {
		return nil, local, err
	}
	found, local, err = l.findClaimed(ctx, found, claims, pids, image)
	if err != nil {
		return nil, local, err
	}
	for _, id := range notFound(found, claims) {
		if pids[id] != 0 { // else the container has stopped meanwhile
			list.Missing = append(list.Missing, list.Containers[id].Name)
		}
	}
	return found, local, nil
}

// findClaimed surveys the containers with the pids that the engine claims their first processes have. If
// none is found even so, the engine's processes may not be on this machine: then the survey is made
// through the engine.
func (l *Lister) findClaimed(
	ctx context.Context, found *survey.Survey, claims []request.Claim, pids map[string]int, image string,
) (*survey.Survey, bool, error) {
	foundNone := len(found.Containers) == 0
	for i := range claims {
		claims[i].PID = pids[claims[i].ID]
	}
	found, local, err := l.survey(ctx, claims, image)
	if err != nil || !local || !foundNone || len(found.Containers) > 0 || !l.Host.MayGoThroughEngine() {
		return found, local, err
	}
	return l.survey(ctx, claims, image)
}

// surveyCaps are the capabilities that it takes to read other processes.
var surveyCaps = []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}

func (l *Lister) survey(ctx context.Context, claims []request.Claim, image string) (*survey.Survey, bool, error) {
	r := &request.Request{
		Version: request.Version, Base: request.Host(), Survey: &request.Survey{Containers: claims, Held: l.Held},
	}
	out, local, err := l.Host.Ask(ctx, r, engine.Spec{Image: image, Caps: surveyCaps}, nil)
	if err != nil {
		return nil, local, err
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, local, fmt.Errorf("read the helper's survey: %w", err)
	}
	return &found, local, nil
}

// notFound returns the IDs of the claims that a survey has no container for.
func notFound(found *survey.Survey, claims []request.Claim) []string {
	have := make(map[string]bool)
	for _, c := range found.Containers {
		have[c.ID] = true
	}
	var ids []string
	for _, c := range claims {
		if !have[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
