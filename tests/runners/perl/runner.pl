#!/usr/bin/env perl
# A runner for Loads in Perl without any ZeroMQ library: docs/external-runners.md is all it knows.
use strict;
use warnings;
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;
my ($test) = @ARGV;
my $duration = $ENV{LOADS_DURATION} // 0;
my $hits = $ENV{LOADS_TOTAL_HITS} // 0;
my $url = $ENV{LOADS_SERVER_URL};

my $socket = connect_to($ENV{LOADS_ZMQ_RECEIVER});
binmode $socket;
shake_hands();

my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
my $http = HTTP::Tiny->new(keep_alive => 1);

my $begin = time;
for (my $hit = 1; !$stopping; $hit++) {
    last if $duration ? time - $begin >= $duration : $hit > $hits;
    my @status = ($hits + 0, $ENV{LOADS_TOTAL_USERS} + 0, $hit, $ENV{LOADS_CURRENT_USER} + 0);
    my %common = (test => $test, loads_status => \@status);
    report('startTest', %common);
    if (my $failure = request(%common)) {
        report('addFailure', %common, exc_info => ['StatusError', $failure, '']);
    } else {
        report('incr_counter', %common, name => 'visits');
        report('addSuccess', %common);
    }
    report('stopTest', %common);
}
close $socket or die "closing: $!";

sub connect_to {
    my ($where) = @_;
    my $made = $where =~ m{^ipc://(.+)}
        ? IO::Socket::UNIX->new(Peer => $1)
        : IO::Socket::INET->new(PeerAddr => $where =~ s{^tcp://}{}r);
    return $made // die "connecting to $where: $!";
}

sub shake_hands {
    my $greeting = "\xff" . "\0" x 8 . "\x7f" . "\x03\0" . 'NULL' . "\0" x 16 . "\0" . "\0" x 31;
    my $ready = "\x05READY\x0bSocket-Type" . pack('N/a', 'PUSH');
    put($greeting . "\x04" . pack('C/a', $ready));
    get(64);
    my ($flags, $size) = unpack 'CC', get(2);
    die "no READY but flags $flags" if $flags != 4;
    get($size);
}

sub put {
    my ($bytes) = @_;
    while (length $bytes) {
        my $written = syswrite $socket, $bytes;
        next if !defined $written && $!{EINTR};
        die "sending: $!" if !defined $written;
        substr $bytes, 0, $written, '';
    }
}

sub get {
    my ($size) = @_;
    my $bytes = '';
    while (length $bytes < $size) {
        my $got = sysread $socket, $bytes, $size - length $bytes, length $bytes;
        die 'reading: ' . ($! || 'closed') if !$got;
    }
    return $bytes;
}

sub report {
    my ($type, %more) = @_;
    my $body = $json->encode({data_type => $type, run_id => $ENV{LOADS_RUN_ID}, agent_id => $ENV{LOADS_AGENT_ID}, %more});
    put(length $body > 255 ? "\x02" . pack('Q>/a', $body) : "\0" . pack('C/a', $body));
}

# Requests once; returns what failed, if anything did.
sub request {
    my (%common) = @_;
    my $begun = time;
    my $response = $http->get($url);
    # 599 is the module's own: there was no answer.
    return $response->{content} if $response->{status} == 599;
    report('add_hit', %common, url => $url, method => 'GET', status => $response->{status} + 0,
        started => $begun, elapsed => time - $begun);
    return $response->{status} == 200 ? undef : "status $response->{status}";
}
