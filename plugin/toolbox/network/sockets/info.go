package sockets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// info is what the kernel knows of a socket of TCP.
type info struct {
	*netlink.TCPInfo
	backlog uint32 // of one that listens
}

// tcpInfo asks the kernel for what it knows of each connection, see sock_diag(7), by the inode. Of a socket without one, such
// as that of a connection that is closed, nothing is printed.
func tcpInfo() (map[string]info, error) {
	found := make(map[string]info)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := netlink.SocketDiagTCPInfo(family)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("-i: the kernel does not tell about connections: %w", err)
		}
		for _, one := range list {
			if one.InetDiagMsg != nil && one.TCPInfo != nil && one.InetDiagMsg.INode != 0 {
				found[strconv.FormatUint(uint64(one.InetDiagMsg.INode), 10)] = info{one.TCPInfo, one.InetDiagMsg.WQueue}
			}
		}
	}
	return found, nil
}

// infoText is the line of ss -i for a connection.
func infoText(i *netlink.TCPInfo) string {
	var words []string
	add := func(wanted bool, format string, values ...any) {
		if wanted {
			words = append(words, fmt.Sprintf(format, values...))
		}
	}
	const timestamps, sack, scale, ecn = 1, 2, 4, 8
	add(i.Options&timestamps != 0, "ts")
	add(i.Options&sack != 0, "sack")
	add(i.Options&ecn != 0, "ecn")
	add(i.Options&scale != 0, "wscale:%d,%d", i.Snd_wscale, i.Rcv_wscale)
	add(i.Rto != 0 && i.Rto != 3000000, "rto:%s", thousandths(uint64(i.Rto)))
	add(i.Backoff != 0, "backoff:%d", i.Backoff)
	add(i.Rtt != 0, "rtt:%s/%s", thousandths(uint64(i.Rtt)), thousandths(uint64(i.Rttvar)))
	add(i.Ato != 0, "ato:%s", thousandths(uint64(i.Ato)))
	add(i.Snd_mss != 0, "mss:%d", i.Snd_mss)
	add(i.Pmtu != 0, "pmtu:%d", i.Pmtu)
	add(i.Rcv_mss != 0, "rcvmss:%d", i.Rcv_mss)
	add(i.Advmss != 0, "advmss:%d", i.Advmss)
	add(i.Snd_cwnd != 0, "cwnd:%d", i.Snd_cwnd)
	add(i.Snd_ssthresh != 0 && i.Snd_ssthresh < 0xffff, "ssthresh:%d", i.Snd_ssthresh)
	add(i.Bytes_sent != 0, "bytes_sent:%d", i.Bytes_sent)
	add(i.Bytes_retrans != 0, "bytes_retrans:%d", i.Bytes_retrans)
	add(i.Bytes_acked != 0, "bytes_acked:%d", i.Bytes_acked)
	add(i.Bytes_received != 0, "bytes_received:%d", i.Bytes_received)
	add(i.Segs_out != 0, "segs_out:%d", i.Segs_out)
	add(i.Segs_in != 0, "segs_in:%d", i.Segs_in)
	add(i.Data_segs_out != 0, "data_segs_out:%d", i.Data_segs_out)
	add(i.Data_segs_in != 0, "data_segs_in:%d", i.Data_segs_in)
	if i.Rtt != 0 && i.Snd_mss != 0 && i.Snd_cwnd != 0 {
		add(true, "send %s", bits(float64(i.Snd_cwnd)*float64(i.Snd_mss)*8*1e6/float64(i.Rtt)))
	}
	add(i.Last_data_sent != 0, "lastsnd:%d", i.Last_data_sent)
	add(i.Last_data_recv != 0, "lastrcv:%d", i.Last_data_recv)
	add(i.Last_ack_recv != 0, "lastack:%d", i.Last_ack_recv)
	add(i.Pacing_rate != 0 && i.Pacing_rate != 1<<64-1, "pacing_rate %s", bits(float64(i.Pacing_rate)*8))
	add(i.Delivery_rate != 0, "delivery_rate %s", bits(float64(i.Delivery_rate)*8))
	add(i.Delivered != 0, "delivered:%d", i.Delivered)
	add(i.Delivery_rate_app_limited != 0, "app_limited")
	add(i.Busy_time != 0, "busy:%dms", i.Busy_time/1000)
	add(i.Unacked != 0, "unacked:%d", i.Unacked)
	add(i.Retrans != 0 || i.Total_retrans != 0, "retrans:%d/%d", i.Retrans, i.Total_retrans)
	add(i.Lost != 0, "lost:%d", i.Lost)
	add(i.Sacked != 0, "sacked:%d", i.Sacked)
	add(i.Rcv_rtt != 0, "rcv_rtt:%s", thousandths(uint64(i.Rcv_rtt)))
	add(i.Rcv_space != 0, "rcv_space:%d", i.Rcv_space)
	add(i.Rcv_ssthresh != 0, "rcv_ssthresh:%d", i.Rcv_ssthresh)
	add(i.Notsent_bytes != 0, "notsent:%d", i.Notsent_bytes)
	add(i.Min_rtt != 0, "minrtt:%s", thousandths(uint64(i.Min_rtt)))
	return "\t " + strings.Join(words, " ")
}

// thousandths returns microseconds as milliseconds.
func thousandths(n uint64) string { return strconv.FormatFloat(float64(n)/1000, 'g', -1, 64) }

// bits returns a rate as ss prints it.
func bits(rate float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if rate >= unit.size {
			return strconv.FormatFloat(rate/unit.size, 'g', 3, 64) + unit.name + "bps"
		}
	}
	return strconv.FormatFloat(rate, 'f', 0, 64) + "bps"
}
