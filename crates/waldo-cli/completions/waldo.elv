
use builtin;
use str;

set edit:completion:arg-completer[waldo] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'waldo'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'waldo'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand request 'Make one call of the API'
            cand token 'Print a valid token for another program'
            cand login 'Check a key pair by a login, and keep it in the profile'
            cand logout 'Forget the key pair of the profile, and its token'
            cand status 'Say where each setting comes from, and what the next call would do'
            cand inspect 'Show what is in a token from stdin, without its signature'
            cand emulate 'Run a server that answers like the API, for tests'
            cand completions 'Print the completions of a shell'
            cand man 'Print a man page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'waldo;request'= {
            cand --query 'A pair of the query; may be given again'
            cand -H 'A header, or @FILE with a header in each line, or @- for stdin; may be given again'
            cand --header 'A header, or @FILE with a header in each line, or @- for stdin; may be given again'
            cand -o 'Write the body to this file if the call succeeds; - is stdout'
            cand --output 'Write the body to this file if the call succeeds; - is stdout'
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --form 'Send the fields as a multipart form, even without a file'
            cand -i 'Show the status and the headers of the answer'
            cand --include 'Show the status and the headers of the answer'
            cand --raw 'Print JSON as it comes, even to a terminal'
            cand --dry-run 'Show what would be sent, without secrets, and send nothing'
            cand --time 'Show how long the call took'
            cand --retry-after 'Wait once if the API asks to wait (429, 503, or no login for now), and send the call again'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;token'= {
            cand --format 'How the token is printed'
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --show 'Print the token to a terminal too'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'waldo;login'= {
            cand --storage 'Where the key pair is kept'
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --secret-stdin 'Without a terminal: read two lines from stdin, the API key and the client secret'
            cand --no-verify 'Keep the key pair without a login'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'waldo;logout'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;status'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --offline 'Make no request, not even to a store on another machine'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;inspect'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;emulate'= {
            cand --listen 'The address to listen on; port 0 takes a free one'
            cand --control-host 'A further Host to which the controls answer, such as emulator:8787; may be given again'
            cand --key 'A key pair it knows, split at the first equals sign; may be given again, with another id [default: wk.sandbox.example=ws.sandbox.example]'
            cand --signing-key 'Sign tokens with this key instead of the client secret'
            cand --login-path 'The path of the login'
            cand --lifetime 'How long a token lasts: 10s, 1500ms, 1h'
            cand --dates 'How a token''s dates are written: whole or fractional'
            cand --algorithm 'How tokens are signed: HS256, HS384 or HS512'
            cand --claims 'The claims of a token, any of exp,iat,jti,sub'
            cand --iat 'Where a renewed token''s iat comes from: minted (its own) or login'
            cand --chain-limit 'How long after its login a chain of renewals ends [default: never]'
            cand --rotation 'What becomes of a token when its successor is issued: lenient, strict, grace:DURATION or batch:DURATION[:restamped|:sent|:blank]'
            cand --renewal 'How a fresh token is sent: bearer, lower_case, colon, bare, doubled, several, blank, malformed, oversized or none'
            cand --renewal-on 'Which responses carry a fresh token: success (every 2xx), ok (200 alone) or all'
            cand --login-answer 'How a granted login is answered: body, prefixed (Bearer in the body), created (201) or header (that alone)'
            cand --accept 'Forms of the request''s header accepted beside Bearer x, any of bare,doubled,lower_case [default: none]'
            cand --clock-offset 'How far the server''s clock is off: +30s, -1m'
            cand --date 'The Date header: present, absent or aged:DURATION (as a cache answers)'
            cand --unknown-paths 'How a path that the API does not have is answered: echo (200) or not_found (404)'
            cand --refuses 'When a call with a body is refused for its token: after_body, on_head (and closes) or on_head_alone (neither reads nor closes)'
            cand --known-after 'How long the token of a login is refused at first, because not all servers know it yet'
            cand --servers 'Who answers: alike, or by_turns (two servers with signing keys of their own)'
            cand --evaluations 'When an evaluation ends: never, polls:NUMBER or after:DURATION'
            cand --fault 'A failure, or a list of them, as JSON; may be given again'
            cand --stub 'An answer of your own, or a list of them, as JSON; may be given again'
            cand --login-latency 'How long each login waits before the server sees it'
            cand --call-latency 'How long each call waits before the server sees it'
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --allow-remote 'Allow an address that other machines can reach'
            cand --login-header 'Send the login''s token in its Authorization header as well'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'waldo;completions'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;man'= {
            cand --profile 'The profile that has the other settings [default: default]'
            cand --origin 'Where the API is [default: https://api.waldo.ai]'
            cand --store 'Where the token is kept: file, none, a directory or redis://… [default: file]'
            cand --timeout 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]'
            cand --json 'Print JSON, with a schema number'
            cand -v 'Show what the client does, on stderr; twice for more'
            cand --verbose 'Show what the client does, on stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'waldo;help'= {
            cand request 'Make one call of the API'
            cand token 'Print a valid token for another program'
            cand login 'Check a key pair by a login, and keep it in the profile'
            cand logout 'Forget the key pair of the profile, and its token'
            cand status 'Say where each setting comes from, and what the next call would do'
            cand inspect 'Show what is in a token from stdin, without its signature'
            cand emulate 'Run a server that answers like the API, for tests'
            cand completions 'Print the completions of a shell'
            cand man 'Print a man page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'waldo;help;request'= {
        }
        &'waldo;help;token'= {
        }
        &'waldo;help;login'= {
        }
        &'waldo;help;logout'= {
        }
        &'waldo;help;status'= {
        }
        &'waldo;help;inspect'= {
        }
        &'waldo;help;emulate'= {
        }
        &'waldo;help;completions'= {
        }
        &'waldo;help;man'= {
        }
        &'waldo;help;help'= {
        }
    ]
    $completions[$command]
}
