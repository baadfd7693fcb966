package selection

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/composedir"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// The labels of a container that Compose made:
// https://docs.docker.com/reference/compose-file/services/#labels
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	numberLabel  = "com.docker.compose.container-number"
	oneOffLabel  = "com.docker.compose.oneoff"
)

// Service is a service of a Compose project, or one of its containers.
type Service struct {
	Project string
	Service string // "" for all
	Number  string // of the container; "" for all
}

// String returns the service as it is written: web@shop, web.2@shop.
func (s Service) String() string {
	name := s.Service
	if s.Number != "" {
		name += "." + s.Number
	}
	if name == "" {
		return "project " + s.Project
	}
	return name + "@" + s.Project
}

// has reports whether a container says that it is one of the service's: see images. Those of docker compose run are not.
func (s Service) has(c engine.Container) bool {
	return c.Labels[projectLabel] == s.Project && (s.Service == "" || c.Labels[serviceLabel] == s.Service) &&
		(s.Number == "" || c.Labels[numberLabel] == s.Number) && !strings.EqualFold(c.Labels[oneOffLabel], "true")
}

// IsService reports whether a name is SERVICE@PROJECT. No container's name has an @; an image's has one before a digest,
// ALGORITHM:HEX, and no project's name has a colon.
func IsService(name string) bool {
	_, project, ok := strings.Cut(name, "@")
	return ok && !strings.Contains(project, ":")
}

// ParseService parses SERVICE[.N]@[PROJECT]. Without PROJECT it is the one that here returns.
func ParseService(name string, here func() (string, error)) (Service, error) {
	service, project, _ := strings.Cut(strings.TrimPrefix(name, "container:"), "@")
	s := Service{Project: project, Service: service}
	if service == "" {
		return s, fmt.Errorf("%q: a service is written SERVICE@PROJECT", name)
	}
	if at := strings.LastIndexByte(service, '.'); at > 0 && isNumber(service[at+1:]) {
		s.Service, s.Number = service[:at], service[at+1:]
	}
	var err error
	if project == "" {
		s.Project, err = here()
	}
	return s, err
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compose returns what the query says about Compose.
func (q Query) compose() (Service, error) {
	s := Service{Project: q.Project, Service: q.Service}
	if q.Project != "" && q.Project != "." {
		return s, nil
	}
	var err error
	s.Project, err = q.Here()
	return s, err
}

// Here returns the name of the Compose project of the current directory.
func Here() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	name, err := composedir.Project(dir, os.Getenv)
	if err != nil {
		err = exit.Hint(fmt.Errorf("the Compose project of this directory: %w", err), "name it with --project, or as SERVICE@PROJECT")
	}
	return name, err
}

// StoppedError says that no container of a service runs, and that it has exactly one, which does not.
type StoppedError struct {
	ID string

	why error
}

func (e *StoppedError) Error() string { return e.why.Error() }

// OneOf returns the ID of the only running container of SERVICE@PROJECT. The error can be a StoppedError.
func OneOf(ctx context.Context, from Engine, name string, here func() (string, error)) (string, error) {
	service, err := ParseService(name, here)
	if err != nil {
		return "", err
	}
	all, err := engine.List(ctx, from, func() map[string]bool { return nil })
	if err != nil {
		return "", err
	}
	found, err := service.containers(ctx, &images{from: from}, all)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		if claims := only(all, service.has); len(claims) > 0 {
			return "", exit.Hint(fmt.Errorf("no container of %s runs: %q has these labels from its image, not from Compose", service, claims[0].Name), "name the container if you mean it")
		}
		why := fmt.Errorf("no container of %s runs", service)
		if others, err := engine.ListAll(ctx, from, func() map[string]bool { return nil }); err == nil {
			if stopped, err := service.containers(ctx, &images{from: from}, others); err == nil && len(stopped) == 1 {
				why = &StoppedError{ID: stopped[0].ID, why: why}
			}
		}
		return "", exit.Hint(why, "docker ps --filter label=%s=%s shows the project's containers", projectLabel, service.Project)
	case 1:
		return found[0].ID, nil
	}
	var numbers []string
	for _, c := range found {
		if number := c.Labels[numberLabel]; number != "" {
			numbers = append(numbers, service.Service+"."+number+"@"+service.Project)
		}
	}
	err = fmt.Errorf("%d containers of %s run", len(found), service)
	if len(numbers) == 0 {
		return "", err
	}
	return "", exit.Hint(err, "name one of %s, or run the command in all of them with docker nsjoin each", strings.Join(numbers, ", "))
}
