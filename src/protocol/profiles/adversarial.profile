# Profile `adversarial`: the tables of `documented`, every open question answered in the worst way for a client.
base documented

set answer_echo               no
set error_ids                 no
set error_text                no
set notify_target             last_requester
set answer_delay_ms           200
set answer_spread_ms          1500
set answer_twice              yes
set answer_twice_gap_ms       1200
set look_alike_before_answer  yes
set answer_from_backup        yes
