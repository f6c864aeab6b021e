# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_waldo_global_optspecs
    string join \n profile= origin= store= timeout= json v/verbose h/help V/version
end

function __fish_waldo_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_waldo_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_waldo_using_subcommand
    set -l cmd (__fish_waldo_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c waldo -n "__fish_waldo_needs_command" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_needs_command" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_needs_command" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_needs_command" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_needs_command" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_needs_command" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waldo -n "__fish_waldo_needs_command" -s V -l version -d 'Print version'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "request" -d 'Make one call of the API'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "token" -d 'Print a valid token for another program'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "login" -d 'Check a key pair by a login, and keep it in the profile'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "logout" -d 'Forget the key pair of the profile, and its token'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "status" -d 'Say where each setting comes from, and what the next call would do'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "inspect" -d 'Show what is in a token from stdin, without its signature'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "emulate" -d 'Run a server that answers like the API, for tests'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "man" -d 'Print a man page'
complete -c waldo -n "__fish_waldo_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l query -d 'A pair of the query; may be given again' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -s H -l header -d 'A header, or @FILE with a header in each line, or @- for stdin; may be given again' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -s o -l output -d 'Write the body to this file if the call succeeds; - is stdout' -r -F
complete -c waldo -n "__fish_waldo_using_subcommand request" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand request" -l form -d 'Send the fields as a multipart form, even without a file'
complete -c waldo -n "__fish_waldo_using_subcommand request" -s i -l include -d 'Show the status and the headers of the answer'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l raw -d 'Print JSON as it comes, even to a terminal'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l dry-run -d 'Show what would be sent, without secrets, and send nothing'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l time -d 'Show how long the call took'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l retry-after -d 'Wait once if the API asks to wait (429, 503, or no login for now), and send the call again'
complete -c waldo -n "__fish_waldo_using_subcommand request" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand request" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand request" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand token" -l format -d 'How the token is printed' -r -f -a "raw\t'The token alone'
header\t'The header Authorization, for curl -H @FILE'
json\t'JSON, with the time at which the token expires; --json does the same'
exec-credential\t'A credential of Kubernetes, for its exec plugins'
credential-helper\t'The response of a credential helper, for Bazel; reads JSON with a uri from stdin'"
complete -c waldo -n "__fish_waldo_using_subcommand token" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand token" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand token" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand token" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand token" -l show -d 'Print the token to a terminal too'
complete -c waldo -n "__fish_waldo_using_subcommand token" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand token" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waldo -n "__fish_waldo_using_subcommand login" -l storage -d 'Where the key pair is kept' -r -f -a "auto\t'The keyring; if none answers, the profiles file if you say yes'
keyring\t'The keyring of this user: the Secret Service, the keychain or the Credential Manager'
file\t'The profiles file, in plain text, which only this user may read'
none\t'Nowhere; the token of the login goes to the store'"
complete -c waldo -n "__fish_waldo_using_subcommand login" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand login" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand login" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand login" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand login" -l secret-stdin -d 'Without a terminal: read two lines from stdin, the API key and the client secret'
complete -c waldo -n "__fish_waldo_using_subcommand login" -l no-verify -d 'Keep the key pair without a login'
complete -c waldo -n "__fish_waldo_using_subcommand login" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand login" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waldo -n "__fish_waldo_using_subcommand logout" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand logout" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand logout" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand logout" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand logout" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand logout" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand logout" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand status" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand status" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand status" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand status" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand status" -l offline -d 'Make no request, not even to a store on another machine'
complete -c waldo -n "__fish_waldo_using_subcommand status" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand status" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand status" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l listen -d 'The address to listen on; port 0 takes a free one' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l control-host -d 'A further Host to which the controls answer, such as emulator:8787; may be given again' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l key -d 'A key pair it knows, split at the first equals sign; may be given again, with another id [default: wk.sandbox.example=ws.sandbox.example]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l signing-key -d 'Sign tokens with this key instead of the client secret' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l login-path -d 'The path of the login' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l lifetime -d 'How long a token lasts: 10s, 1500ms, 1h' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l dates -d 'How a token\'s dates are written: whole or fractional' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l algorithm -d 'How tokens are signed: HS256, HS384 or HS512' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l claims -d 'The claims of a token, any of exp,iat,jti,sub' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l iat -d 'Where a renewed token\'s iat comes from: minted (its own) or login' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l chain-limit -d 'How long after its login a chain of renewals ends [default: never]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l rotation -d 'What becomes of a token when its successor is issued: lenient, strict, grace:DURATION or batch:DURATION[:restamped|:sent|:blank]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l renewal -d 'How a fresh token is sent: bearer, lower_case, colon, bare, doubled, several, blank, malformed, oversized or none' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l renewal-on -d 'Which responses carry a fresh token: success (every 2xx), ok (200 alone) or all' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l login-answer -d 'How a granted login is answered: body, prefixed (Bearer in the body), created (201) or header (that alone)' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l accept -d 'Forms of the request\'s header accepted beside Bearer x, any of bare,doubled,lower_case [default: none]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l clock-offset -d 'How far the server\'s clock is off: +30s, -1m' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l date -d 'The Date header: present, absent or aged:DURATION (as a cache answers)' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l unknown-paths -d 'How a path that the API does not have is answered: echo (200) or not_found (404)' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l refuses -d 'When a call with a body is refused for its token: after_body, on_head (and closes) or on_head_alone (neither reads nor closes)' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l known-after -d 'How long the token of a login is refused at first, because not all servers know it yet' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l servers -d 'Who answers: alike, or by_turns (two servers with signing keys of their own)' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l evaluations -d 'When an evaluation ends: never, polls:NUMBER or after:DURATION' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l fault -d 'A failure, or a list of them, as JSON; may be given again' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l stub -d 'An answer of your own, or a list of them, as JSON; may be given again' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l login-latency -d 'How long each login waits before the server sees it' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l call-latency -d 'How long each call waits before the server sees it' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l allow-remote -d 'Allow an address that other machines can reach'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l login-header -d 'Send the login\'s token in its Authorization header as well'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c waldo -n "__fish_waldo_using_subcommand emulate" -s V -l version -d 'Print version'
complete -c waldo -n "__fish_waldo_using_subcommand completions" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand completions" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand completions" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand completions" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand completions" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand completions" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand completions" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand man" -l profile -d 'The profile that has the other settings [default: default]' -r
complete -c waldo -n "__fish_waldo_using_subcommand man" -l origin -d 'Where the API is [default: https://api.waldo.ai]' -r
complete -c waldo -n "__fish_waldo_using_subcommand man" -l store -d 'Where the token is kept: file, none, a directory or redis://… [default: file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand man" -l timeout -d 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]' -r
complete -c waldo -n "__fish_waldo_using_subcommand man" -l json -d 'Print JSON, with a schema number'
complete -c waldo -n "__fish_waldo_using_subcommand man" -s v -l verbose -d 'Show what the client does, on stderr; twice for more'
complete -c waldo -n "__fish_waldo_using_subcommand man" -s h -l help -d 'Print help'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "request" -d 'Make one call of the API'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "token" -d 'Print a valid token for another program'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "login" -d 'Check a key pair by a login, and keep it in the profile'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "logout" -d 'Forget the key pair of the profile, and its token'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "status" -d 'Say where each setting comes from, and what the next call would do'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "inspect" -d 'Show what is in a token from stdin, without its signature'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "emulate" -d 'Run a server that answers like the API, for tests'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "completions" -d 'Print the completions of a shell'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "man" -d 'Print a man page'
complete -c waldo -n "__fish_waldo_using_subcommand help; and not __fish_seen_subcommand_from request token login logout status inspect emulate completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
