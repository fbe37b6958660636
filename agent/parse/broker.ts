/** Expressions for `rabbitmqctl eval` (RabbitMQ 3.3.5 of OSP 6, 3.10 in the lab); the command table takes these and no others. */

/** Reads users and permissions; the same in 3.3 and 3.10. */
export const BROKER_LOOK = '{rabbit_auth_backend_internal:list_users(), rabbit_auth_backend_internal:list_permissions()}.';
/** Where `BROKER_SET` finds one term {User, Password or keep, Tags, Vhost, Permissions or none}; readable by the broker alone. */
export const BROKER_FILE = '/var/lib/rabbitmq/.tandem-user';
const numbers = (text: string): string => [...Buffer.from(text)].join(',');
/**
 * Makes or changes one user. Since 3.7 each function takes one argument more, who asks for it: function_exported tells.
 * RHEL's rabbitmqctl passes arguments through `su -c "..."`, so there is no quote, dollar or backslash in it. A failure
 * names its class and what is no secret.
 */
export const BROKER_SET = `{ok, [{U, P, T, V, R}]} = file:consult([${numbers(BROKER_FILE)}]), M = rabbit_auth_backend_internal, `
  + `Do = fun(F, A) -> case erlang:function_exported(M, F, length(A) + 1) of true -> apply(M, F, A ++ [<<${numbers('tandem')}>>]); false -> apply(M, F, A) end end, `
  + 'Safe = fun(Part, F) -> try F() of {error, {no_such_vhost, _}} -> {failed, no_such_vhost}; {error, _} -> {failed, Part}; _ -> ok catch '
  + '_:{no_such_vhost, _} -> {failed, no_such_vhost}; _:{error, {no_such_vhost, _}} -> {failed, no_such_vhost}; _:_ -> {failed, Part} end end, '
  + 'lists:usort([Safe(user, fun() -> case {M:lookup_user(U), P} of {_, keep} -> ok; {{ok, _}, _} -> Do(change_password, [U, P]); _ -> Do(add_user, [U, P]) end end), '
  + 'Safe(tags, fun() -> Do(set_tags, [U, [list_to_atom(X) || X <- T]]) end), '
  + 'Safe(permissions, fun() -> case R of none -> Do(clear_permissions, [U, V]); {C, W, D} -> Do(set_permissions, [U, V, C, W, D]) end end)]).';
