// Package pull has the engine pull an image, if the user asks for that.
package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Client is the part of the engine's client that pulls.
type Client interface {
	ImagePull(ctx context.Context, name string, options image.PullOptions) (io.ReadCloser, error)
}

// Progress is how far a pull is. It may be read while Image runs.
type Progress struct {
	mu     sync.Mutex
	layers map[string][2]int64 // bytes so far and in all
}

// String returns the bytes so far, or "" if nothing is known.
func (p *Progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var done, all int64
	for _, layer := range p.layers {
		done, all = done+layer[0], all+layer[1]
	}
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s", units.HumanSize(float64(done)), units.HumanSize(float64(all)))
}

func (p *Progress) set(layer string, done, all int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.layers == nil {
		p.layers = make(map[string][2]int64)
	}
	p.layers[layer] = [2]int64{done, max(done, all)}
}

// Image pulls an image. auth are the user's credentials for its registry, as the engine's API has them; "" for none.
func Image(ctx context.Context, from Client, name, auth string, p *Progress) error {
	answer, err := from.ImagePull(ctx, name, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return fmt.Errorf("pull %q: %s", name, engine.Message(err))
	}
	defer answer.Close()
	for messages := json.NewDecoder(answer); ; {
		var message struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			Error    string `json:"error"`
			Progress struct {
				Current int64 `json:"current"`
				Total   int64 `json:"total"`
			} `json:"progressDetail"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("pull %q: read the engine's answer: %w", name, err)
		case message.Error != "":
			return fmt.Errorf("pull %q: %s", name, message.Error)
		case message.Status == "Downloading":
			p.set(message.ID, message.Progress.Current, message.Progress.Total)
		}
	}
}
