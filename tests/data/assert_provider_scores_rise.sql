-- Guards: a provider's lowest, normal, surging and highest score rise in this order; else its
-- scores read upside down.
-- Does not guard: that the provider means them so.
select provider, lowest_score, normal_score, surging_score, highest_score
from {{ ref('intent_providers') }}
where normal_score < lowest_score or surging_score <= normal_score or highest_score <= surging_score
